#include <charconv>

#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/walk.h"

namespace gfs::cli {

namespace {

using bus::Policy;

Result<std::int64_t> ack_of(const std::string& text) {
  if (text == "all") return static_cast<std::int64_t>(bus::AckMode::all);
  if (text == "primary") return static_cast<std::int64_t>(bus::AckMode::primary);
  return fail(Code::invalid_argument, "--ack {}: all or primary is wanted", escape_for_terminal(text.substr(0, 100)));
}

Result<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return fail(Code::invalid_argument, "{}: a number is wanted", escape_for_terminal(text.substr(0, 100)));
  return number;
}

Result<std::int64_t> bytes_of(const std::string& text) {
  Result<std::uint64_t> size = parse_size(text);
  if (!size) return fail(std::move(size));
  if (*size > 1ull << 62) return fail(Code::invalid_argument, "{}: that is too much", text);
  return static_cast<std::int64_t>(*size);
}

Result<std::int64_t> time_of(const std::string& text) {
  if (text == "off") return 0;
  Result<Duration> time = parse_duration(text);
  if (!time) return fail(std::move(time));
  return to_ms(*time);
}

struct Rule {
  std::string_view option;
  std::int64_t Policy::*field;
  Result<std::int64_t> (*parse)(const std::string& text);
};
constexpr Rule kRules[]{
    {"replicas", &Policy::replicas, number_of},
    {"min", &Policy::minimum_for_writing, number_of},
    {"ack", &Policy::ack, ack_of},
    {"trash", &Policy::trash_ms, time_of},
    {"quota-files", &Policy::quota_files, number_of},
    {"quota-bytes", &Policy::quota_bytes, bytes_of},
};

Result<Policy> change_of(const Arguments& arguments) {
  Policy change;
  bool any = false;
  for (const Rule& rule : kRules) {
    change.*rule.field = Policy::kKeep;
    if (!arguments.has(rule.option)) continue;
    any = true;
    const std::string text = arguments.value(rule.option);
    if (text == "inherit" || text == "none") {
      change.*rule.field = Policy::kInherit;
      continue;
    }
    Result<std::int64_t> value = rule.parse(text);
    if (!value) return fail(value.error().code, "--{}: {}", rule.option, value.error().message);
    change.*rule.field = *value;
  }
  if (!any) return fail(Code::invalid_argument, "no rule is given; getpolicy shows those that hold");
  return change;
}

Result<int> set_for_file(Session& session, const Arguments& arguments, const std::string& path, const Policy& change) {
  Policy other = change;
  other.ack = Policy::kKeep;
  for (const Rule& rule : kRules) {
    if (other.*rule.field != Policy::kKeep)
      return fail(Code::invalid_argument, "{} is a file: it takes --ack only (setrep for replicas)", path);
  }
  if (change.ack == Policy::kInherit) return fail(Code::invalid_argument, "a file's --ack is all or primary");
  const auto ack = static_cast<bus::AckMode>(change.ack);
  auto set = [path, ack](Filesystem& filesystem) { return filesystem.set_ack(path, ack); };
  Result<FileInfo> done = mutate<FileInfo>(session, arguments, 1, set);
  if (!done) return fail(std::move(done));
  Json json = file_json(*done);
  json["ack"] = ack_text(done->ack);
  tell_mutation(session, arguments, std::move(json));
  return kOk;
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  Result<Policy> change = change_of(arguments);
  if (!change) return fail(std::move(change));
  Result<FileInfo> there = stat_for_change(session, *path);
  if (!there) return fail(std::move(there));
  if (there->type == FileType::file) return set_for_file(session, arguments, *path, *change);
  auto set = [path = *path, policy = *change](Filesystem& filesystem) {
    return filesystem.set_directory_policy(path, policy);
  };
  Result<> done = mutate<void>(session, arguments, 1, set);
  if (!done) return fail(std::move(done));
  tell_mutation(session, arguments, {{"path", *path}});
  return kOk;
}

}  // namespace

const Command kSetpolicy{
    .name = "setpolicy",
    .group = "Files",
    .usage = "PATH [--ack MODE] [--replicas N] [--min N] [--trash TIME] [--quota-files N] [--quota-bytes SIZE]",
    .summary = "sets rules for what is in a directory, or how writes to a file are acknowledged",
    .help =
        "A directory's rules hold below it, until a directory further down has its own; replicas and ack are for "
        "files\n"
        "that are made from now on (setrep changes those that are there). A quota of every directory on the way "
        "counts;\n"
        "bytes count as of a file's last fsync or close, and are looked at when a file gets another chunk. "
        "\"inherit\"\n"
        "takes a rule away, \"none\" a quota.\n"
        "ack all (the default): a write is done when every replica has it. primary: when the first one has; the "
        "others\n"
        "follow in order. That is faster, but what only the primary had may be lost with it, though it was\n"
        "acknowledged, and an append that is repeated then may be there twice.\n"
        "Example: setpolicy /metrics --ack primary --trash off --quota-bytes 200GiB",
    .options = with_request_options({{0, "ack", "MODE", "primary or all"},
                                     {0, "replicas", "N", "of new files"},
                                     {0, "min", "N", "replicas that a chunk must have to be written to"},
                                     {0, "trash", "TIME", "what is removed is kept so long (3d), or off"},
                                     {0, "quota-files", "N", "files and directories at most"},
                                     {0, "quota-bytes", "SIZE", "bytes at most, not counting replicas"}}),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
