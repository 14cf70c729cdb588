// Follower: keeps a copy of a master's state by following its log, for ever.
//
//   begins with the newest checkpoint, or with nothing if there is none; then asks for the log behind it, again and
//   again. A question is kept by the master until there is something to tell, so the copy is one round trip behind.
//
// The copy is the master's state at some index, always: entries are applied in their order, without a gap. It is never
// mixed from two logs: when the cluster, the log's epoch, or the entry that was applied last turn out to be others, the
// copy is thrown away, with a line in the program's log, and it begins anew.
//
// What cannot be reached is tried again, for ever, with pauses up to two seconds. Nothing is kept on disk.
//
// Owned by Shadow; lives on its loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bus/endpoint.h"
#include "bus/messages/shadow_master.h"
#include "master/checkpoint_format.h"
#include "master/state.h"

namespace gfs::master {

class Follower {
 public:
  struct Settings {
    bus::Address master;
    Duration wait = 250ms;        // so long the master keeps a question when it has nothing to tell
    Duration call_deadline = 5s;  // of a question, besides
  };

  Follower(bus::Endpoint& endpoint, Settings settings)
      : endpoint_(endpoint), settings_(std::move(settings)), known_at_(now()) {}

  // Ends only by being cancelled.
  Task<> run();

  // Null until it has once had all that the master had, and after it began anew.
  const MasterState* state() const { return caught_up_ ? &*state_ : nullptr; }
  // What keeps it from having a state, for a person.
  std::string lack() const;
  // So long ago, at most, the master had nothing that is missing here.
  Duration behind() const { return now() - known_at_; }
  // The last entry of the log that is in the state, and the log's epoch and term.
  std::uint64_t index() const { return index_; }
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t term() const { return term_; }
  const bus::Address& master() const { return settings_.master; }
  std::uint64_t chunk_size() const { return chunk_size_; }
  std::uint64_t checkpoints_loaded() const { return checkpoints_loaded_; }
  std::uint64_t times_begun_anew() const { return times_begun_anew_; }

 private:
  Instant now() const { return endpoint_.executor().now(); }
  Task<> follow();
  Task<> greet();
  // One question, and what is answered.
  Task<> step();
  // Whether it is still the same log that is told here.
  Result<> check(const bus::ShipLog::Reply& reply);
  Result<> apply(const bus::ShipLog::Reply& reply);
  Task<> load_checkpoint();
  // As often as it takes. not_found: it is gone.
  Task<bus::FetchCheckpoint::Reply> fetch(std::uint64_t index, std::uint64_t offset);
  Result<> adopt(const CheckpointHeader& header, Result<MasterState> loaded);
  // Forgets everything; the error to end with.
  std::unexpected<Error> begin_anew(std::string why);
  void note_failure(const Error& error);

  // Set once.
  bus::Endpoint& endpoint_;
  const Settings settings_;

  // State: the copy.
  std::optional<MasterState> state_;
  std::uint64_t chunk_size_ = 0;
  std::uint64_t epoch_ = 0;  // 0: not known yet
  std::uint64_t term_ = 0;
  std::uint64_t index_ = 0;
  std::uint32_t digest_ = 0;  // of the entry applied last; 0: not known
  bool caught_up_ = false;
  Instant known_at_;

  // State: how it goes.
  std::uint64_t answers_ = 0;
  bool failing_ = false;  // since the last answer
  std::string last_error_;
  std::uint64_t fetched_ = 0, to_fetch_ = 0;  // bytes of a checkpoint
  std::uint64_t goal_ = 0;                    // the last entry that the master spoke of
  std::uint64_t checkpoints_loaded_ = 0, times_begun_anew_ = 0;
};

}  // namespace gfs::master
