//! Messages between two processes: sends that own their bytes, a persistent receive, and receives into memory that
//! stays.

use super::{Communicator, MpiError, Source, check, serialized};
use futures_mpi_core::engine::{Attachment, Memory};
use mpi::ffi::{self, MPI_Request, MPI_Status};
use std::ffi::{c_int, c_void};
use std::mem::{self, ManuallyDrop, MaybeUninit};

/// How often a cancelled receive is tested before its memory is left to MPI forever. Only this process takes part in
/// the cancellation, so MPI has no reason to take its time.
const LOOKS_AT_CLOSING: usize = 1000;

impl Communicator {
    /// Starts to send bytes to `rank` in one message.
    pub(crate) fn send_bytes(self, bytes: Vec<u8>, rank: i32, tag: i32) -> Result<Sent, MpiError> {
        let mut request = Request::none();
        // Leaked on errors: MPI may still read there.
        let bytes = ManuallyDrop::new(bytes);
        self.start_send(&bytes, rank, tag, &mut request)?;
        let finished = request.test()?;
        if finished {
            return Ok(Sent::Done(ManuallyDrop::into_inner(bytes)));
        }
        let send_buffer = ManuallyDrop::new(SendBuffer::Bytes(ManuallyDrop::into_inner(bytes)));
        Ok(Sent::UnderWay(Sending { send_buffer, request, others: Vec::new(), finished }))
    }

    /// Starts to send a buffer to `rank`, as segments of at most `segment_bytes`; an empty buffer is one message.
    pub(crate) fn send(
        self,
        send_buffer: SendBuffer,
        segment_bytes: usize,
        rank: i32,
        tag: i32,
    ) -> Result<Sending, MpiError> {
        let mut sending = Sending {
            send_buffer: ManuallyDrop::new(send_buffer),
            request: Request::none(),
            others: Vec::new(),
            finished: false,
        };
        let segment_bytes = segment_bytes.clamp(1, c_int::MAX as usize);
        let mut start = 0;
        loop {
            let all = sending.send_buffer.bytes();
            let bytes = &all[start..all.len().min(start + segment_bytes)];
            let mut request = Request::none();
            self.start_send(bytes, rank, tag, &mut request)?;
            if start == 0 {
                sending.request = request;
            } else {
                sending.others.push(request);
            }
            start += segment_bytes;
            if start >= sending.send_buffer.bytes().len() {
                return Ok(sending);
            }
        }
    }

    /// Starts to send bytes, which the caller keeps where they are until the request has completed.
    fn start_send(self, bytes: &[u8], rank: i32, tag: i32, request: &mut Request) -> Result<(), MpiError> {
        let length = c_int::try_from(bytes.len()).map_err(|_| MpiError::of_argument("too long for one message"))?;
        // SAFETY: the bytes stay where they are until the request has completed: the callers, here above, own them or
        // share them with others who cannot change what is shared, and forget them if they cannot wait for that.
        check(serialized(|| unsafe {
            let bytes = bytes.as_ptr().cast::<c_void>();
            ffi::MPI_Isend(bytes, length, ffi::RSMPI_UINT8_T, rank, tag, self.0, &mut request.0)
        }))
    }

    /// Starts to receive a message from `rank` behind the bytes that were received before; it may be as long as what is
    /// missing.
    pub(crate) fn receive(self, mut receive_buffer: ReceiveBuffer, rank: i32, tag: i32) -> Result<Receiving, MpiError> {
        let length = receive_buffer.missing().min(c_int::MAX as usize) as c_int;
        let mut request = Request::none();
        // SAFETY: `length` bytes of memory are there, owned by `Receiving` until the request has completed, and
        // forgotten if it is dropped before. They need no initial value, because only MPI touches them.
        let code = serialized(|| unsafe {
            let room = receive_buffer.start().add(receive_buffer.filled).cast::<c_void>();
            ffi::MPI_Irecv(room, length, ffi::RSMPI_UINT8_T, rank, tag, self.0, &mut request.0)
        });
        let receiving = Receiving { receive_buffer: ManuallyDrop::new(receive_buffer), request };
        check(code).map(|()| receiving)
    }
}

/// The state of a send when it was started.
pub(crate) enum Sent {
    /// MPI has released the bytes already.
    Done(Vec<u8>),
    /// MPI still reads the bytes.
    UnderWay(Sending),
}

/// An operation under way; null when it has completed, unless it is persistent.
pub(super) struct Request(pub(super) MPI_Request);

// SAFETY: a handle is a name that MPI accepts from every thread, and this one is used by its owner only.
unsafe impl Send for Request {}

impl Request {
    pub(super) fn none() -> Self {
        // SAFETY: a constant of the library.
        Request(unsafe { ffi::RSMPI_REQUEST_NULL })
    }

    /// Whether the operation has completed.
    pub(super) fn test(&mut self) -> Result<bool, MpiError> {
        let mut done = 0;
        // SAFETY: the handle is null or valid.
        check(serialized(|| unsafe { ffi::MPI_Test(&mut self.0, &mut done, ffi::RSMPI_STATUS_IGNORE) }))?;
        Ok(done != 0)
    }

    /// If the operation, a receive, has completed: the rank of the sender, and the number of bytes.
    fn test_receive(&mut self) -> Result<Option<(i32, usize)>, MpiError> {
        let (mut done, mut length) = (0, 0);
        let mut status = MaybeUninit::<MPI_Status>::uninit();
        // SAFETY: the handle is valid, and so are the places to write to; the status is read only after MPI has said
        // that the operation is done, and thereby filled it.
        let (code, source) = serialized(|| unsafe {
            let mut code = ffi::MPI_Test(&mut self.0, &mut done, status.as_mut_ptr());
            if code != 0 || done == 0 {
                return (code, 0);
            }
            code = ffi::MPI_Get_count(status.as_ptr(), ffi::RSMPI_UINT8_T, &mut length);
            (code, status.assume_init_ref().MPI_SOURCE)
        });
        check(code)?;
        if done == 0 {
            return Ok(None);
        }
        let length = usize::try_from(length)
            .map_err(|_| MpiError::of_argument("a message arrived whose length is not a number of bytes"))?;
        Ok(Some((source, length)))
    }
}

/// A persistent receive: messages of one tag arrive one by one in the same memory, in the order in which each sender
/// has sent them.
///
/// The look after the one that returned a message posts it again. So the caller gets the message sooner, and posts
/// while it waits anyway.
///
/// Dropped without [`close`](Self::close) it leaks its memory: MPI may still write there.
pub(crate) struct PersistentReceive {
    memory: ManuallyDrop<Vec<u8>>,
    request: Request,
    posted: bool,
}

impl PersistentReceive {
    /// Opens one for messages of up to `room` bytes; a longer message is an error when it arrives.
    pub(crate) fn open(communicator: Communicator, source: Source, tag: i32, room: usize) -> Result<Self, MpiError> {
        let length = c_int::try_from(room).map_err(|_| MpiError::of_argument("too long for one message"))?;
        let memory = ManuallyDrop::new(Vec::with_capacity(room));
        let mut persistent_receive = PersistentReceive { memory, request: Request::none(), posted: false };
        let memory = persistent_receive.memory.as_mut_ptr().cast::<c_void>();
        // SAFETY: `length` bytes of memory are there, which stay where they are and are freed by `close` only, after
        // MPI has let go of them. They need no initial value, because only MPI touches them as long as a receive is
        // posted.
        check(serialized(|| unsafe {
            let source = source.rank();
            let request = &mut persistent_receive.request.0;
            ffi::MPI_Recv_init(memory, length, ffi::RSMPI_UINT8_T, source, tag, communicator.0, request)
        }))?;
        Ok(persistent_receive)
    }

    /// If a message has arrived: the rank of its sender, and its bytes in the empty memory that `room` returns.
    pub(crate) fn look(&mut self, room: impl FnOnce() -> Vec<u8>) -> Result<Option<(i32, Vec<u8>)>, MpiError> {
        if !self.posted {
            // SAFETY: the request is one that can be started, and is inactive.
            check(serialized(|| unsafe { ffi::MPI_Start(&mut self.request.0) }))?;
            self.posted = true;
        }
        let Some((source, length)) = self.request.test_receive()? else { return Ok(None) };
        self.posted = false;
        assert!(length <= self.memory.capacity(), "a message is not longer than the receive that took it");
        // SAFETY: MPI has written so many bytes there and has let go of them, and there is room for them.
        unsafe { self.memory.set_len(length) };
        let mut bytes = room();
        bytes.extend_from_slice(&self.memory);
        self.memory.clear();
        Ok(Some((source, bytes)))
    }

    /// Cancels the receive and frees its memory. If a message had arrived: the rank of its sender, and its bytes.
    pub(crate) fn close(mut self) -> Result<Option<(i32, Vec<u8>)>, MpiError> {
        let taken = if self.posted { self.take_back()? } else { None };
        // SAFETY: the request is valid and inactive.
        check(serialized(|| unsafe { ffi::MPI_Request_free(&mut self.request.0) }))?;
        let length = taken.map_or(0, |(_, length)| length.min(self.memory.capacity()));
        // SAFETY: MPI has let go of the memory, into which it has written so many bytes.
        let bytes = unsafe {
            self.memory.set_len(length);
            ManuallyDrop::take(&mut self.memory)
        };
        Ok(taken.map(|(source, _)| (source, bytes)))
    }

    /// Cancels the receive that is posted. If a message has arrived before: the rank of the sender, and the number of
    /// bytes.
    fn take_back(&mut self) -> Result<Option<(i32, usize)>, MpiError> {
        // SAFETY: the request is valid, and a receive is posted.
        check(serialized(|| unsafe { ffi::MPI_Cancel(&mut self.request.0) }))?;
        let (mut done, mut cancelled, mut length) = (0, 0, 0);
        let mut status = MaybeUninit::<MPI_Status>::uninit();
        for _ in 0..LOOKS_AT_CLOSING {
            // SAFETY: as in `test_receive`.
            check(serialized(|| unsafe {
                let mut code = ffi::MPI_Test(&mut self.request.0, &mut done, status.as_mut_ptr());
                if code == 0 && done != 0 {
                    code = ffi::MPI_Test_cancelled(status.as_ptr(), &mut cancelled);
                }
                if code == 0 && done != 0 && cancelled == 0 {
                    code = ffi::MPI_Get_count(status.as_ptr(), ffi::RSMPI_UINT8_T, &mut length);
                }
                code
            }))?;
            if done != 0 {
                break;
            }
        }
        if done == 0 {
            return Err(MpiError::of_argument("MPI does not release a receive that was cancelled"));
        }
        // SAFETY: the operation is done, so the status was filled.
        let source = unsafe { status.assume_init_ref().MPI_SOURCE };
        Ok((cancelled == 0).then_some((source, usize::try_from(length).unwrap_or(0))))
    }
}

/// The bytes of a send: owned, or memory that is shared.
pub(crate) enum SendBuffer {
    Bytes(Vec<u8>),
    Attachment(Attachment),
}

impl SendBuffer {
    fn bytes(&self) -> &[u8] {
        match self {
            SendBuffer::Bytes(bytes) => bytes,
            SendBuffer::Attachment(attachment) => attachment.memory().bytes(),
        }
    }
}

/// A send under way, which owns its bytes. Dropped unfinished, it leaks them: MPI may still read there.
pub(crate) struct Sending {
    send_buffer: ManuallyDrop<SendBuffer>,
    request: Request,
    others: Vec<Request>,
    finished: bool,
}

impl Sending {
    /// The length in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.send_buffer.bytes().len()
    }

    /// Whether MPI has released the bytes. After an error they are leaked.
    pub(crate) fn test(&mut self) -> Result<bool, MpiError> {
        if !self.finished {
            while let Some(request) = self.others.last_mut() {
                if !request.test()? {
                    return Ok(false);
                }
                self.others.pop();
            }
            self.finished = self.request.test()?;
        }
        Ok(self.finished)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.finished {
            // SAFETY: this is the destructor, and MPI has completed every request on these bytes.
            unsafe { ManuallyDrop::drop(&mut self.send_buffer) }
        }
    }
}

/// Memory into which messages are received, one after the other.
///
/// Invariants: the memory has room for `total` bytes; the first `filled` of them have been received.
pub(crate) struct ReceiveBuffer {
    memory: Memory,
    total: usize,
    filled: usize,
}

impl ReceiveBuffer {
    /// For `total` bytes, for which `memory` must have room.
    ///
    /// # Panics
    ///
    /// If it has not.
    pub(crate) fn new(memory: Memory, total: usize) -> Self {
        assert!(memory.room_bytes() >= total, "cannot allocate {total} bytes");
        ReceiveBuffer { memory, total, filled: 0 }
    }

    /// How many bytes have not been received.
    pub(crate) fn missing(&self) -> usize {
        self.total - self.filled
    }

    /// Asks the system for huge pages, which it may refuse: touching 64 MiB for the first time in small pages takes
    /// longer than copying them.
    pub(crate) fn advise_huge_pages(&mut self) {
        const PAGE: usize = 4096;
        let (total, room) = (self.total, self.start());
        let skipped = room.addr().next_multiple_of(PAGE) - room.addr();
        let end = (room.addr() + total) & !(PAGE - 1);
        if room.addr() + skipped < end {
            // SAFETY: the pages lie wholly within memory that is ours, and the advice changes none of their contents.
            unsafe {
                let pages = room.add(skipped);
                libc::madvise(pages.cast::<c_void>(), end - pages.addr(), libc::MADV_HUGEPAGE);
            }
        }
    }

    /// The memory with all bytes that were received.
    ///
    /// # Panics
    ///
    /// If something is missing.
    pub(crate) fn finish(mut self) -> Memory {
        assert!(self.missing() == 0, "{} bytes have not been received", self.missing());
        let bytes = self.total;
        // SAFETY: MPI has written the first `total` bytes, for which there is room, and integers have no bytes that
        // are not values. A length that is no multiple of the alignment loses its last bytes.
        unsafe {
            match &mut self.memory {
                Memory::Align1(vector) => vector.set_len(bytes),
                Memory::Align2(vector) => vector.set_len(bytes / 2),
                Memory::Align4(vector) => vector.set_len(bytes / 4),
                Memory::Align8(vector) => vector.set_len(bytes / 8),
                Memory::Align16(vector) => vector.set_len(bytes / 16),
            }
        }
        self.memory
    }

    fn start(&mut self) -> *mut u8 {
        match &mut self.memory {
            Memory::Align1(vector) => vector.as_mut_ptr(),
            Memory::Align2(vector) => vector.as_mut_ptr().cast(),
            Memory::Align4(vector) => vector.as_mut_ptr().cast(),
            Memory::Align8(vector) => vector.as_mut_ptr().cast(),
            Memory::Align16(vector) => vector.as_mut_ptr().cast(),
        }
    }
}

/// A receive under way, which owns its memory. Dropped unfinished, it leaks it: MPI may still write there.
pub(crate) struct Receiving {
    receive_buffer: ManuallyDrop<ReceiveBuffer>,
    request: Request,
}

impl Receiving {
    /// Once the message has arrived: the memory, and the number of new bytes.
    pub(crate) fn test(&mut self) -> Result<Option<(ReceiveBuffer, usize)>, MpiError> {
        let Some((_, length)) = self.request.test_receive()? else { return Ok(None) };
        let empty = ReceiveBuffer { memory: Memory::Align1(Vec::new()), total: 0, filled: 0 };
        let mut receive_buffer =
            ManuallyDrop::into_inner(mem::replace(&mut self.receive_buffer, ManuallyDrop::new(empty)));
        receive_buffer.filled += length;
        Ok(Some((receive_buffer, length)))
    }
}
