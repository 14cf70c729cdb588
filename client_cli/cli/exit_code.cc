#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

Exit exit_code(Code code) {
  switch (code) {
    case Code::ok:
      return kOk;
    case Code::invalid_argument:
    case Code::too_large:
      return kUsage;
    case Code::not_found:
    case Code::not_a_directory:
      return kNotFound;
    case Code::already_exists:
    case Code::not_empty:
    case Code::conflict:
    case Code::wrong_cluster:
      return kConflict;
    case Code::not_allowed:
    case Code::read_only:
    case Code::quota_exceeded:
      return kNotAllowed;
    case Code::unreachable:
    case Code::lost_link:
    case Code::deadline:
    case Code::expired:
    case Code::overloaded:
    case Code::not_primary:
    case Code::stale_version:
    case Code::lease_lost:
    case Code::missing_data:
    case Code::in_use:
    case Code::not_enough_servers:
    case Code::unavailable:
    case Code::shutting_down:
    case Code::replica_failed:
    case Code::out_of_sequence:
    case Code::suspect:
      return kUnavailable;
    case Code::corrupt:
      return kIntegrity;
    case Code::refused:
      return kRefused;
    case Code::cancelled:
      return kInterrupted;
    case Code::is_a_directory:
    case Code::not_formatted:
    case Code::malformed:
    case Code::unknown_kind:
    case Code::wrong_version:
    case Code::out_of_order:
    case Code::no_space:
    case Code::io_error:
    case Code::internal:
    case Code::sealed:          // a write behind what others append: repeating it does not help
    case Code::record_expired:  // nor here
      return kFailed;
  }
  return kFailed;
}

namespace {

// Without a request nothing was asked that could have happened.
bool may_have_happened(const Error& error, const Told& told) {
  return error.outcome() == Outcome::may_have_happened && told.request;
}

std::string advice(const Error& error, const Told& told) {
  const std::string_view verb = told.verb;
  if (!told.advice.empty()) return told.advice;
  if (told.repeatable && told.request && error.code != Code::unreachable && error.code != Code::record_expired) {
    return fmt::format("repeat it with --req {}: it is done once, whatever became of it", told.request->text());
  }
  switch (error.code) {
    case Code::invalid_argument:
    case Code::too_large:
      return verb.empty() ? "gfs-cli help" : fmt::format("help {}", verb);
    case Code::not_found:
      return "ls the directory above it to see what is there";
    case Code::not_a_directory:
      return "stat the path above it: a file has nothing below it";
    case Code::is_a_directory:
      return verb == "rm" || verb == "cp" || verb == "get" || verb == "put" ? fmt::format("{} -r for a directory", verb)
                                                                            : "name a file, or ls the directory";
    case Code::already_exists:
      return verb == "put" || verb == "get" || verb == "cp" || verb == "mv" ? fmt::format("{} -f to replace it", verb)
                                                                            : "another name, or rm it first";
    case Code::not_empty:
      return verb == "rm" ? "rm -r to remove what is in it too" : "rm what is in it first";
    case Code::conflict:
      return "look again and repeat: somebody else changed it";
    case Code::wrong_cluster:
      return "check --master and GFS_MASTER: this is another cluster";
    case Code::not_allowed:
      return "a client with the role that may do this";
    case Code::not_formatted:
      return "gfs-master --format on an empty directory";
    case Code::unreachable:
      return "start gfs-master there, or check --master and GFS_MASTER";
    case Code::deadline:
    case Code::expired:
      return "repeat it with a longer --timeout; status shows which servers are up";
    case Code::in_use:
      return "end the other process that uses it, or talk to it with --master";
    case Code::not_enough_servers:
      return "server ls shows which servers are up; start more of them";
    case Code::quota_exceeded:
      return "rm something there, or setpolicy DIR --quota-files/--quota-bytes; getpolicy DIR shows how much is in it";
    case Code::no_space:
      return "df shows how much is left; rm something or add a server";
    case Code::read_only:
      return "check --master, if that is a shadow; else the permissions of the directory";
    case Code::refused:
      return "do as the first line says; nothing was changed";
    case Code::corrupt:
      return "chunk ls PATH shows the replicas; the servers' logs name the damaged block";
    case Code::out_of_sequence:
      return "repeat the writer's earlier records first, or go on with a higher sequence";
    case Code::sealed:
      return "append to it: records were appended there, and it takes no writes";
    case Code::record_expired:
      return "look whether it is there: what is so old is not done again";
    case Code::suspect:
      return "start the chunk's other servers: one that lost nothing makes the others equal";
    case Code::wrong_version:
      return "the same version of gfs on both sides";
    case Code::cancelled:
      return verb == "put" || verb == "cp" || verb == "get" ? "repeat it; files that were not complete were removed"
                                                            : "repeat it when you like";
    case Code::io_error:
    case Code::internal:
      return "the servers' logs; then repeat it";
    default:
      return "repeat it; status shows the cluster's health";
  }
}

}  // namespace

std::string error_text(const Error& error, const Told& told) {
  std::string text = "gfs-cli: ";
  if (!told.verb.empty()) text += std::string(told.verb) + ": ";
  text += escape_for_terminal(error.message) + "\n  why: ";  // names with line ends must not add lines
  if (error.why.empty()) {
    bool asked = error.code != Code::invalid_argument && error.code != Code::cancelled && !told.master.empty();
    if (asked) text += told.master + ": ";
    text += name_of(error.code);
  }
  for (std::size_t i = 0; i < error.why.size(); ++i) {
    if (i > 0) text += "; ";
    text += escape_for_terminal(error.why[i].server + ": " + error.why[i].reason);
  }
  if (may_have_happened(error, told)) text += " (it may have happened)";
  if (told.request) text += " req=" + told.request->text();
  return text + "\n  try: " + advice(error, told);
}

Json error_json(const Error& error, const Told& told) {
  Json why = Json::array();
  for (const Reason& reason : error.why) why.push_back({{"server", reason.server}, {"reason", reason.reason}});
  bool unknown = may_have_happened(error, told);
  Json details{{"code", name_of(error.code)},
               {"outcome", unknown ? "may_have_happened" : "did_not_happen"},
               {"message", error.message},
               {"why", std::move(why)},
               {"req", nullptr}};
  if (told.request) details["req"] = told.request->text();
  if (!told.advice.empty()) details["try"] = told.advice;
  return Json{{"v", 1}, {"error", std::move(details)}};
}

}  // namespace gfs::cli
