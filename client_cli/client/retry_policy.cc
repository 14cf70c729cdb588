#include "client_cli/client/retry_policy.h"

#include <algorithm>

namespace gfs::client {

namespace {

constexpr Rule kGiveUp{Change::give_up, Pause::none, 0};
constexpr Rule kLater{Change::nothing, Pause::growing, 0};
constexpr Rule kApart{Change::nothing, Pause::apart, 0};
constexpr Rule kTimedOut{Change::nothing, Pause::growing, 5};
constexpr Rule kPushAgain{Change::first_hop, Pause::growing, 0};
constexpr Rule kLayoutNow{Change::layout, Pause::first_none, 0};
constexpr Rule kLayout{Change::layout, Pause::growing, 0};
constexpr Rule kLayoutTimedOut{Change::layout, Pause::growing, 5};
constexpr Rule kPrimary{Change::primary, Pause::first_none, 4};
constexpr Rule kRoom{Change::room, Pause::growing, 2};
constexpr Rule kReplica{Change::replica, Pause::growing, 0};
constexpr Rule kReplicaTimedOut{Change::replica, Pause::growing, 5};
constexpr Rule kReplicaLayout{Change::replica, Pause::first_none, 0};
constexpr Rule kNextChunk{Change::chunk, Pause::first_none, 0};
constexpr Rule kInOrder{Change::predecessor, Pause::none, 0};

struct Row {
  Code code;
  Rule write, append, read, master;
};

constexpr Row kTable[] = {
    // code                     write            append           read              master
    {Code::invalid_argument, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::not_found, kLayoutNow, kLayoutNow, kReplicaLayout, kGiveUp},
    {Code::already_exists, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::not_empty, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::not_a_directory, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::is_a_directory, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::conflict, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::not_allowed, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::wrong_cluster, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::not_formatted, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::unreachable, kPrimary, kPrimary, kReplica, kApart},
    {Code::lost_link, kLayout, kLayout, kReplica, kApart},
    {Code::deadline, kLayoutTimedOut, kLayoutTimedOut, kReplicaTimedOut, kTimedOut},
    {Code::expired, kLater, kLater, kReplica, kLater},
    {Code::overloaded, kLater, kLater, kReplica, kApart},
    {Code::too_large, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::malformed, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::unknown_kind, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::wrong_version, kGiveUp, kGiveUp, kGiveUp, kGiveUp},
    {Code::not_primary, kLayoutNow, kLayoutNow, kReplica, kGiveUp},
    {Code::stale_version, kLayoutNow, kLayoutNow, kReplicaLayout, kGiveUp},
    {Code::out_of_order, kLayout, kLayout, kReplica, kGiveUp},
    {Code::lease_lost, kLayoutNow, kLayoutNow, kReplica, kGiveUp},
    {Code::missing_data, kPushAgain, kPushAgain, kReplica, kGiveUp},
    {Code::no_space, kRoom, kRoom, kReplica, kGiveUp},
    {Code::read_only, kRoom, kRoom, kReplica, kGiveUp},
    {Code::io_error, kLayout, kLayout, kReplica, kGiveUp},
    {Code::corrupt, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::in_use, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::cancelled, kLayout, kLayout, kReplica, kLater},
    {Code::not_enough_servers, kLayout, kLayout, kReplica, kLater},
    {Code::unavailable, kLayout, kLayout, kReplica, kLater},
    {Code::shutting_down, kLayout, kLayout, kReplica, kApart},
    {Code::refused, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::internal, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::replica_failed, kLayout, kLayout, kReplica, kGiveUp},
    {Code::sealed, kGiveUp, kNextChunk, kReplica, kGiveUp},
    {Code::out_of_sequence, kGiveUp, kInOrder, kReplica, kGiveUp},
    {Code::suspect, kLayout, kLayout, kReplica, kLater},
    {Code::record_expired, kGiveUp, kGiveUp, kReplica, kGiveUp},
    {Code::quota_exceeded, kGiveUp, kGiveUp, kReplica, kGiveUp},
};

}  // namespace

Rule rule_of(Trying what, Code code) {
  for (const Row& row : kTable) {
    if (row.code != code) continue;
    switch (what) {
      case Trying::write:
        return row.write;
      case Trying::append:
        return row.append;
      case Trying::read:
        return row.read;
      case Trying::master:
        return row.master;
    }
  }
  return kGiveUp;  // of a newer program
}

void Attempts::failed(std::string_view server, const Error& error) {
  ++tries_;
  for (const Reason& reason : error.why) note(reason);
  if (error.why.empty()) note({std::string(server), name_of(error.code) + ": " + error.message});
}

void Attempts::failed_with_effect(std::string_view server, const Error& error) {
  failed(server, error);
  if (error.outcome() == Outcome::may_have_happened && !unknown_) unknown_ = error.code;
}

void Attempts::note(Reason reason) {
  for (Step& step : steps_) {
    if (step.reason == reason) {
      ++step.times;
      return;
    }
  }
  if (steps_.size() == kStepsMax) steps_.erase(steps_.begin() + 1);
  steps_.push_back({std::move(reason)});
}

Error Attempts::give_up(const Error& last) const {
  Error error{last.code, what_ + ": " + last.message, {}};
  if (tries_ > 1) error.message += fmt::format(" (after {} tries)", tries_);
  if (unknown_ && error.outcome() == Outcome::did_not_happen) {
    error.message += fmt::format("; {} at the end, but an earlier try may have happened", name_of(last.code));
    error.code = *unknown_;
  }
  for (const Step& step : steps_) {
    error.why.push_back(step.reason);
    if (step.times > 1) error.why.back().reason += fmt::format(" ({} times)", step.times);
  }
  return error;
}

}  // namespace gfs::client
