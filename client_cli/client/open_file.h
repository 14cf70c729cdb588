// OpenFile: the File an application holds. Cuts ranges at chunk and fragment borders, keeps the window of bytes in
// flight, remembers what sync() has to force.
//
// * Bytes in flight for writing, of all calls together, are at most Settings::window.
// * What append() could not write is told by the next append(), and by every sync() and close() after it: the sequence
//   has a gap, so nothing behind it may be called safe.
// * A write() of several fragments that fails in one of them may have been applied in part; its error then says that it
//   may have happened.
//
// Goes before the Filesystem it came from. One thread.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/task_group.h"
#include "client_cli/client/chunk_reader.h"
#include "client_cli/client/chunk_writer.h"
#include "client_cli/client/context.h"
#include "client_cli/client/fragments.h"
#include "client_cli/client/in_flight.h"
#include "client_cli/client/read_ahead.h"

namespace gfs::client {

class OpenFile final : public File {
 public:
  OpenFile(Context& context, ChunkReader& reader, ChunkWriter& writer, FileInfo info, bool writable);

  const FileInfo& info() const override { return info_; }
  std::uint64_t size() const override { return size_; }
  Executor& executor() const override { return context_.executor; }

  Task<Bytes> read(std::uint64_t offset, std::uint64_t size) override;
  Task<Bytes> next() override;
  Task<Written> read_written(std::uint64_t offset) override;
  Task<> write(std::uint64_t offset, Bytes bytes) override;
  Task<> append(Bytes bytes) override;
  Task<> sync() override;
  Task<> close() override;

 private:
  ChunkAt chunk(std::uint32_t index) const { return {info_.inode, index, info_.path}; }
  Result<> check_open() const;
  Result<> check_writable(std::uint64_t offset, std::uint64_t size) const;

  // One piece within a chunk, at most 1 MiB; waits for one of the few slots. What is not written reads as zeros; but
  // with Gaps::skipped a piece ends where its sealed chunk does.
  enum class Gaps : std::uint8_t { zeros, skipped };
  Task<Bytes> read_piece(std::uint64_t offset, std::uint64_t size, Gaps gaps, Instant deadline);
  Task<Semaphore::Held> take_window(std::uint64_t size, Instant deadline);
  Task<Semaphore::Held> take_from(Semaphore& from, std::uint64_t amount, std::string what, Instant deadline);
  Task<> write_when_room(Fragment fragment, std::uint64_t offset, Bytes bytes, Instant deadline);
  Task<> write_fragment(Fragment fragment, std::uint64_t offset, Bytes bytes, Instant deadline, Semaphore::Held room,
                        InFlight::Ticket ticket);

  static constexpr std::uint64_t kReadsMax = 4;  // pieces of one file on their way at a time

  // Set once.
  Context& context_;
  ChunkReader& reader_;
  ChunkWriter& writer_;
  const FileInfo info_;
  const bool writable_;

  // State.
  bool closed_ = false;
  std::uint64_t size_;  // as far as known
  std::uint64_t append_at_;
  std::uint64_t writes_ = 0;                    // acknowledged
  std::map<std::uint32_t, Unsynced> unsynced_;  // by chunk: of them, since its last sync
  std::optional<Error> append_error_;
  Semaphore window_;
  Semaphore append_turn_{1};
  Semaphore reads_{kReadsMax};
  InFlight in_flight_;
  ReadAhead ahead_;
  TaskGroup group_;  // appends on their way
};

}  // namespace gfs::client
