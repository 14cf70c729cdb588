#include <algorithm>

#include "client_cli/client/open_file.h"

namespace gfs::client {

namespace {

// The errors of several parts as one: the first, with the reasons of all.
Error joined(std::vector<Error> errors) {
  Error error = std::move(errors.front());
  for (std::size_t i = 1; i < errors.size(); ++i) {
    for (Reason& reason : errors[i].why) {
      if (error.why.size() < 64 && std::ranges::find(error.why, reason) == error.why.end()) {
        error.why.push_back(std::move(reason));
      }
    }
    if (error.outcome() == Outcome::did_not_happen && errors[i].outcome() == Outcome::may_have_happened) {
      error.code = errors[i].code;
    }
  }
  return error;
}

std::vector<Error> errors_of(std::vector<Result<>> results) {
  std::vector<Error> errors;
  for (Result<>& result : results) {
    if (!result) errors.push_back(std::move(result).error());
  }
  return errors;
}

}  // namespace

OpenFile::OpenFile(Context& context, ChunkReader& reader, ChunkWriter& writer, FileInfo info, bool writable)
    : context_(context),
      reader_(reader),
      writer_(writer),
      info_(std::move(info)),
      writable_(writable),
      size_(info_.size),
      append_at_(info_.size),
      window_(context.settings.window),
      ahead_(context.master.chunk_size(), context.settings.read_ahead,
             [this](std::uint64_t offset, std::uint64_t size) {
               return read_piece(offset, size, Gaps::skipped, context_.deadline());
             }) {}

Result<> OpenFile::check_open() const {
  if (closed_) return fail(Code::invalid_argument, "{} is closed", info_.path);
  return {};
}

Result<> OpenFile::check_writable(std::uint64_t offset, std::uint64_t size) const {
  if (Result<> open = check_open(); !open) return open;
  if (!writable_) return fail(Code::invalid_argument, "{} was opened for reading", info_.path);
  return check_range(offset, size, context_.master.chunk_size());
}

Task<Bytes> OpenFile::read(std::uint64_t offset, std::uint64_t size) {
  co_await check_open();
  if (offset >= size_) co_return Bytes();
  size = std::min(size, size_ - offset);
  Instant deadline = context_.deadline();
  std::vector<Fragment> pieces = cut(offset, size, context_.master.chunk_size(), kFragmentMax);
  if (pieces.size() == 1) co_return co_await read_piece(offset, size, Gaps::zeros, deadline);
  std::vector<Task<Bytes>> reads;
  for (const Fragment& piece : pieces) {
    reads.push_back(read_piece(offset + piece.from, piece.size, Gaps::zeros, deadline));
  }
  std::vector<Result<Bytes>> parts = co_await all_of(std::move(reads));
  std::string whole;
  whole.reserve(size);
  for (Result<Bytes>& part : parts) {
    if (!part) co_await fail(std::move(part));
    whole.append(part->view());
  }
  co_return Bytes::of(std::move(whole));
}

Task<Bytes> OpenFile::next() {
  co_await check_open();
  co_return co_await ahead_.next(size_);
}

Task<Written> OpenFile::read_written(std::uint64_t offset) {
  co_await check_open();
  Instant deadline = context_.deadline();
  const std::uint64_t chunk_size = context_.master.chunk_size();
  co_await check_range(offset, 1, chunk_size);
  for (bool again = false;;) {
    ChunkAt at = chunk(static_cast<std::uint32_t>(offset / chunk_size));
    std::uint64_t in_chunk = offset % chunk_size;
    std::uint64_t size = std::min(kFragmentMax - in_chunk % kFragmentMax, chunk_size - in_chunk);
    ChunkReader::Committed got = co_await reader_.read_committed(at, in_chunk, size, deadline);
    if (!got.bytes.empty()) co_return Written{offset, std::move(got.bytes)};
    ChunkReader::Now now = co_await reader_.look_again(at, deadline);
    // What was read may be the end of long ago: of an older version's members; or, if there is a chunk behind, of this
    // one before the last append to it.
    const bool older = now.handle != got.handle || now.version > got.version;
    if ((older || (now.chunk_behind && !got.sealed)) && !std::exchange(again, true)) {
      reader_.forget(at);
      continue;
    }
    if (!now.chunk_behind) co_return Written{offset, {}};
    again = false;
    offset = (at.index + std::uint64_t{1}) * chunk_size;
  }
}

Task<Bytes> OpenFile::read_piece(std::uint64_t offset, std::uint64_t size, Gaps gaps, Instant deadline) {
  std::string what = "waiting for earlier reads of " + info_.path;
  Semaphore::Held slot = co_await take_from(reads_, 1, std::move(what), deadline);
  std::uint64_t chunk_size = context_.master.chunk_size();
  ChunkAt at = chunk(static_cast<std::uint32_t>(offset / chunk_size));
  if (gaps == Gaps::zeros) co_return co_await reader_.read(std::move(at), offset % chunk_size, size, deadline);
  ChunkReader::Committed got = co_await reader_.read_committed(std::move(at), offset % chunk_size, size, deadline);
  co_return got.sealed ? std::move(got.bytes) : extended(std::move(got.bytes), size);
}

Task<> OpenFile::write(std::uint64_t offset, Bytes bytes) {
  co_await check_writable(offset, bytes.size());
  if (bytes.empty()) co_return;
  Instant deadline = context_.deadline();
  std::vector<Task<>> writes;
  for (const Fragment& fragment : cut(offset, bytes.size(), context_.master.chunk_size(), context_.settings.fragment)) {
    writes.push_back(write_when_room(fragment, offset, bytes.slice(fragment.from, fragment.size), deadline));
  }
  std::vector<Result<>> results = co_await all_of(std::move(writes));
  std::size_t parts = results.size();
  std::vector<Error> errors = errors_of(std::move(results));
  if (errors.empty()) co_return;
  std::size_t failed = errors.size();
  Error error = joined(std::move(errors));
  if (failed < parts && error.outcome() == Outcome::did_not_happen) {
    error.message +=
        fmt::format("; {}, but {} of {} parts of the write were applied", name_of(error.code), parts - failed, parts);
    error.code = Code::replica_failed;
  }
  co_await fail(std::move(error));
}

Task<> OpenFile::append(Bytes bytes) {
  co_await check_writable(append_at_, bytes.size());
  Semaphore::Held turn = co_await append_turn_.take(1);
  std::uint64_t start = std::max(append_at_, size_);
  co_await check_writable(start, bytes.size());
  for (const Fragment& fragment : cut(start, bytes.size(), context_.master.chunk_size(), context_.settings.fragment)) {
    if (append_error_) co_await fail(Error(*append_error_));
    Result<Semaphore::Held> room = co_await take_window(fragment.size, context_.deadline()).outcome();
    if (append_error_) co_await fail(Error(*append_error_));
    if (!room && fragment.from == 0) co_await fail(Code::overloaded, "{}", room.error().message);  // nothing was sent
    if (!room) {
      append_error_ = std::move(room).error();
      append_error_->message += fmt::format("; {} of {} bytes of an append were sent", fragment.from, bytes.size());
      co_await fail(Error(*append_error_));
    }
    append_at_ = start + fragment.from + fragment.size;
    Task<> writing = write_fragment(fragment, start, bytes.slice(fragment.from, fragment.size), context_.deadline(),
                                    std::move(*room), in_flight_.begin());
    group_.spawn<void>(std::move(writing), [this](Result<> written) {
      if (!written && !append_error_) append_error_ = std::move(written).error();
    });
  }
  if (append_error_) co_await fail(Error(*append_error_));
}

Task<Semaphore::Held> OpenFile::take_window(std::uint64_t size, Instant deadline) {
  return take_from(window_, size, "waiting for earlier writes to " + info_.path, deadline);
}

Task<Semaphore::Held> OpenFile::take_from(Semaphore& from, std::uint64_t amount, std::string what, Instant deadline) {
  Task<Semaphore::Held> taking = from.take(amount);
  if (from.available() >= amount && from.waiting() == 0) co_return co_await std::move(taking);
  co_return co_await with_deadline(context_.executor, deadline, std::move(what), std::move(taking));
}

Task<> OpenFile::write_when_room(Fragment fragment, std::uint64_t offset, Bytes bytes, Instant deadline) {
  InFlight::Ticket ticket = in_flight_.begin();
  Result<Semaphore::Held> room = co_await take_window(bytes.size(), deadline).outcome();
  if (!room) co_await fail(Code::overloaded, "{}", room.error().message);  // nothing of it was sent
  co_await write_fragment(fragment, offset, std::move(bytes), deadline, std::move(*room), std::move(ticket));
}

Task<> OpenFile::write_fragment(Fragment fragment, std::uint64_t offset, Bytes bytes, Instant deadline,
                                Semaphore::Held room, InFlight::Ticket ticket) {
  Semaphore::Held held = std::move(room);
  InFlight::Ticket running = std::move(ticket);
  std::uint64_t end = offset + fragment.from + bytes.size();
  ChunkHandle handle = co_await writer_.write(chunk(fragment.chunk), fragment.offset, std::move(bytes), deadline);
  unsynced_[fragment.chunk].note(++writes_, handle);
  size_ = std::max(size_, end);
}

Task<> OpenFile::sync() {
  co_await check_open();
  Instant deadline = context_.deadline();
  co_await with_deadline(context_.executor, deadline, "sync of " + info_.path, in_flight_.settled());
  if (append_error_) co_await fail(Error(*append_error_));
  const std::map<std::uint32_t, Unsynced> chunks = unsynced_;
  std::vector<Task<std::optional<std::uint64_t>>> syncs;
  for (const auto& [index, writes] : chunks) syncs.push_back(writer_.sync(chunk(index), writes.handle, deadline));
  std::vector<Result<std::optional<std::uint64_t>>> synced = co_await all_of(std::move(syncs));
  std::uint64_t size = 0;
  std::vector<Error> errors;
  auto length = synced.begin();
  for (const auto& [index, writes] : chunks) {
    Result<std::optional<std::uint64_t>>& found = *length++;
    if (!found) errors.push_back(found.error());
    // What was cut off since is no part of it.
    if (found && found->value_or(0) > 0) size = index * context_.master.chunk_size() + **found;
  }
  if (!errors.empty()) co_await fail(joined(std::move(errors)));
  if (size > 0) {
    bus::SetSize ask{info_.inode, size};
    co_await context_.master.change_aside(std::move(ask), "saving the size of " + info_.path, deadline);
  }
  for (const auto& [index, writes] : chunks) {
    if (unsynced_[index].latest == writes.latest) unsynced_.erase(index);  // later writes ask for another sync
  }
}

Task<> OpenFile::close() {
  if (closed_) co_return;
  co_await sync();
  closed_ = true;
}

}  // namespace gfs::client
