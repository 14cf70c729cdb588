// FileAppender: what appends to one file. Where is its last chunk -> the bytes -> have its primary append them; and the
// only retry loop of appends. OpenAppender: the Appender an application holds.
//
//   append ──► AppendQueue ──► flights (at most in_flight) ──► AppendChunk ──► primary of the last chunk
//                 │                  │ sealed ──► LocateForAppend ──► the next chunk
//                 └ waits for the batch before it, but not for long, unless it is full
//
// * A batch keeps id, sizes, digest and the time it was first asked at over all tries. Once it was sent to a chunk it
//   goes to no other until that one has said it does not have it (sealed), for it alone knows; or is no part of the
//   file any more. Truncated: what it held is gone with it, and the batch goes to what is the last one now. Shared with
//   a snapshot and replaced by a copy: that one, and those behind it, know what it knew.
// * Order: each try names the nearest earlier batch that has no outcome yet (`previous`); the primary executes none
//   before it. A batch that failed for good, or was given up, holds up nobody.
// * What is known of the last chunk is used for Settings::layout_age, or until it proves wrong.
// * A chunk remembers the last 64 batches of a writer: none is begun while one that is 64 older has no outcome yet, or
//   a repeat of that one would find its record gone.
// * Appenders of one file that were opened alike, without a kept id, share one FileAppender: what they append side by
//   side travels together, as one writer, in the order it was given.
// * Bounds: in_flight batches, of together Settings::window bytes (or one batch that is larger); the queue's.
//
// Both go before the Filesystem they came from. One thread.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/task_group.h"
#include "client_cli/client/append_queue.h"
#include "client_cli/client/chunk_writer.h"
#include "client_cli/client/context.h"

namespace gfs::client {

inline constexpr std::uint64_t kAppendMax = 16ull << 20;        // one record
inline constexpr std::uint64_t kRememberedBatches = 64;         // of one writer, by each chunk
inline constexpr std::uint64_t kAppendInlineMax = 64ull << 10;  // a batch that carries its bytes along

// As class Appender says, for all who share it.
class FileAppender final : public std::enable_shared_from_this<FileAppender> {
 public:
  FileAppender(Context& context, ChunkWriter& writer, FileInfo info, const AppendOptions& options);
  ~FileAppender();

  Task<Appended> append(Bytes record);
  Task<Appended> append_as(std::uint64_t sequence, Bytes record);
  Task<std::int64_t> now_ms();
  Task<> sync();

 private:
  // The chunk appends go to, as the master said.
  struct Target {
    bus::ChunkLayout layout;
    std::int64_t now_ms = 0;  // the master's time then
    Instant since;
  };
  struct Flight;  // a batch under way
  struct Landed {
    bus::AppendChunk::Reply reply;
    ChunkHandle handle;  // of the chunk asked
    std::uint32_t index = 0;
  };

  Result<> check(const Bytes& record) const;
  Result<Future<Appended>> enqueue(std::uint64_t sequence, Bytes record, bool alone);
  // Sends what may be sent, once whoever is running now had the chance to add to it.
  void pump_soon();
  void pump();
  void wait_a_little(Instant until);

  Task<> fly(std::shared_ptr<Flight> flight);
  Task<Landed> tries(std::shared_ptr<Flight> flight);
  // One try at the primary. Ends early when the chunk got a newer version meanwhile.
  Task<bus::AppendChunk::Reply> ask(std::shared_ptr<Flight> flight, bus::Member primary, bus::AppendChunk question);
  Task<> replaced(std::shared_ptr<Flight> flight, ServerId primary);
  // The layout for the next try: of the chunk that was asked before, until that has said that it does not have the
  // batch; else of the file's last one.
  Task<> locate(std::shared_ptr<Flight> flight);
  Task<> locate_again(std::shared_ptr<Flight> flight);
  Task<> locate_next(std::shared_ptr<Flight> flight);
  Task<std::shared_ptr<const Target>> locate_last(ChunkVersion failed, ServerId unreachable, Instant deadline);
  Task<> push_parts(std::shared_ptr<Flight> flight);
  Task<> recover(std::shared_ptr<Flight> flight, Error error, ServerId server);
  void land(Flight& flight, Result<Landed> result);
  const Flight* before(const Flight& flight) const;  // the nearest earlier one that has no outcome yet
  // Until every record that was given to append() before now has its outcome.
  Task<> settled();

  // How long a batch that is not full waits for the one before it: twice what an answer usually takes.
  Duration linger() const { return std::clamp<Duration>(2 * usual_, 2ms, 50ms); }

  // Set once.
  Context& context_;
  ChunkWriter& writer_;
  const FileInfo info_;
  const ClientId client_;
  const bool kept_;  // the id is the caller's
  const std::uint64_t repeats_to_;
  const std::int64_t asked_ms_;
  const std::size_t in_flight_max_;

  // State.
  std::uint64_t next_sequence_;
  AppendQueue queue_;
  std::uint64_t given_ = 0;                       // records put into the queue so far
  std::uint64_t taken_ = 0;                       // and taken out of it
  std::uint64_t batches_ = 0;                     // made of them
  std::vector<std::shared_ptr<Flight>> flights_;  // in the order they were made
  std::uint64_t bytes_in_flight_ = 0;
  Instant last_start_;
  Duration usual_ = 1ms;  // from sending a batch to its answer, when nothing goes wrong; smoothed
  bool pump_posted_ = false;
  TimerId linger_timer_ = 0;
  std::shared_ptr<const Target> target_;        // null: to be asked for
  std::uint64_t appended_ = 0;                  // batches that were acknowledged
  std::map<std::uint32_t, Unsynced> unsynced_;  // by chunk: of them, since its last sync
  std::vector<Promise<void>> settling_;
  TaskGroup group_;  // flights
};

class OpenAppender final : public Appender {
 public:
  OpenAppender(std::shared_ptr<FileAppender> file, FileInfo info) : file_(std::move(file)), info_(std::move(info)) {}

  const FileInfo& info() const override { return info_; }
  Task<Appended> append(Bytes record) override;
  Task<Appended> append_as(std::uint64_t sequence, Bytes record) override;
  Task<std::int64_t> now_ms() override { return file_->now_ms(); }
  Task<> sync() override;
  Task<> close() override;

 private:
  Result<> usable() const;

  const std::shared_ptr<FileAppender> file_;
  const FileInfo info_;
  bool closed_ = false;
};

}  // namespace gfs::client
