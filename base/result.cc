#include "base/result.h"

namespace gfs {

Outcome outcome_of(Code code) {
  switch (code) {
    case Code::lost_link:
    case Code::deadline:
    case Code::io_error:
    case Code::cancelled:
    case Code::internal:
    case Code::replica_failed:
    case Code::record_expired:
      return Outcome::may_have_happened;
    case Code::ok:
    case Code::invalid_argument:
    case Code::not_found:
    case Code::already_exists:
    case Code::not_empty:
    case Code::not_a_directory:
    case Code::is_a_directory:
    case Code::conflict:
    case Code::not_allowed:
    case Code::wrong_cluster:
    case Code::not_formatted:
    case Code::unreachable:
    case Code::expired:
    case Code::overloaded:
    case Code::too_large:
    case Code::malformed:
    case Code::unknown_kind:
    case Code::wrong_version:
    case Code::not_primary:
    case Code::stale_version:
    case Code::out_of_order:
    case Code::lease_lost:
    case Code::missing_data:
    case Code::no_space:
    case Code::read_only:
    case Code::corrupt:
    case Code::in_use:
    case Code::not_enough_servers:
    case Code::unavailable:
    case Code::shutting_down:
    case Code::refused:
    case Code::sealed:
    case Code::out_of_sequence:
    case Code::suspect:
    case Code::quota_exceeded:
      return Outcome::did_not_happen;
  }
  return Outcome::may_have_happened;  // a code from a newer program: promise nothing
}

std::string name_of(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid_argument";
    case Code::not_found: return "not_found";
    case Code::already_exists: return "already_exists";
    case Code::not_empty: return "not_empty";
    case Code::not_a_directory: return "not_a_directory";
    case Code::is_a_directory: return "is_a_directory";
    case Code::conflict: return "conflict";
    case Code::not_allowed: return "not_allowed";
    case Code::wrong_cluster: return "wrong_cluster";
    case Code::not_formatted: return "not_formatted";
    case Code::unreachable: return "unreachable";
    case Code::lost_link: return "lost_link";
    case Code::deadline: return "deadline";
    case Code::expired: return "expired";
    case Code::overloaded: return "overloaded";
    case Code::too_large: return "too_large";
    case Code::malformed: return "malformed";
    case Code::unknown_kind: return "unknown_kind";
    case Code::wrong_version: return "wrong_version";
    case Code::not_primary: return "not_primary";
    case Code::stale_version: return "stale_version";
    case Code::out_of_order: return "out_of_order";
    case Code::lease_lost: return "lease_lost";
    case Code::missing_data: return "missing_data";
    case Code::no_space: return "no_space";
    case Code::read_only: return "read_only";
    case Code::io_error: return "io_error";
    case Code::corrupt: return "corrupt";
    case Code::in_use: return "in_use";
    case Code::cancelled: return "cancelled";
    case Code::not_enough_servers: return "not_enough_servers";
    case Code::unavailable: return "unavailable";
    case Code::shutting_down: return "shutting_down";
    case Code::refused: return "refused";
    case Code::internal: return "internal";
    case Code::replica_failed: return "replica_failed";
    case Code::sealed: return "sealed";
    case Code::out_of_sequence: return "out_of_sequence";
    case Code::suspect: return "suspect";
    case Code::record_expired: return "record_expired";
    case Code::quota_exceeded: return "quota_exceeded";
  }
  return fmt::format("code {}", static_cast<unsigned>(code));
}

std::string Error::text() const {
  std::string text = name_of(code) + ": " + message;
  if (why.empty()) return text;
  text += " (";
  for (std::size_t i = 0; i < why.size(); ++i) {
    if (i > 0) text += "; ";
    text += why[i].server + ": " + why[i].reason;
  }
  return text + ")";
}

}  // namespace gfs
