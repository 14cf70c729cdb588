#include "client_cli/client/retry_policy.h"

#include <algorithm>

namespace gfs::client {

bool master_may_recover(Code code) {
  switch (code) {
    case Code::unreachable:
    case Code::lost_link:
    case Code::deadline:
    case Code::expired:
    case Code::overloaded:
    case Code::cancelled:
    case Code::not_enough_servers:
    case Code::unavailable:
    case Code::shutting_down:
      return true;
    default:
      return false;
  }
}

Recovery recovery_of_write(Code code) {
  switch (code) {
    case Code::missing_data:
      return Recovery::push_again;
    case Code::overloaded:
    case Code::expired:
      return Recovery::later;
    case Code::unreachable:
    case Code::not_primary:
    case Code::stale_version:
    case Code::lease_lost:
    case Code::not_found:
      return Recovery::locate_now;
    case Code::replica_failed:
    case Code::deadline:
    case Code::lost_link:
    case Code::unavailable:
    case Code::not_enough_servers:
    case Code::shutting_down:
    case Code::out_of_order:
    case Code::io_error:
    case Code::cancelled:
      return Recovery::locate_later;
    case Code::no_space:
    case Code::read_only:
      return Recovery::locate_once;
    default:
      return Recovery::give_up;
  }
}

bool read_may_recover(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::not_allowed:
    case Code::wrong_cluster:
    case Code::too_large:
    case Code::unknown_kind:
    case Code::wrong_version:
      return false;
    default:
      return true;
  }
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
