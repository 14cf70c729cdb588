#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/request_option.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  std::string mode = arguments.value("ack");
  if (mode != "all" && mode != "primary") {
    return fail(Code::invalid_argument, "--ack {}: all or primary is wanted", escape_for_terminal(mode.substr(0, 100)));
  }
  bus::AckMode ack = mode == "all" ? bus::AckMode::all : bus::AckMode::primary;
  auto set = [path = *path, ack](Filesystem& filesystem) { return filesystem.set_ack(path, ack); };
  Result<FileInfo> done = mutate<FileInfo>(session, arguments, 1, set);
  if (!done) return fail(std::move(done));
  Json json = file_json(*done);
  json["ack"] = ack_text(done->ack);
  tell_mutation(session, arguments, std::move(json));
  return kOk;
}

}  // namespace

const Command kSetpolicy{
    .name = "setpolicy",
    .group = "Files",
    .usage = "PATH --ack primary|all",
    .summary = "says when writes to a file are acknowledged",
    .help =
        "all (the default): when every replica has them. primary: when the first one has; the others follow in\n"
        "order. That is faster, but what only the primary had may be lost with it, though it was acknowledged, and\n"
        "an append that is repeated then may be there twice.\n"
        "Example: setpolicy /metrics/raw --ack primary",
    .options = with_request_options({{0, "ack", "MODE", "primary or all"}}),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
