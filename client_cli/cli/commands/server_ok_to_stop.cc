#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;
using Answer = bus::AskStop::Reply;

Result<int> run(Session& session, const Arguments& arguments) {
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  std::vector<ServerId> asked;
  for (const std::string& named : arguments.rest()) {
    Result<bus::ServerInfo> server = choose_server(named, *servers);
    if (!server) return fail(std::move(server));
    asked.push_back(server->server);
  }
  Result<Answer> answer = session.run<Answer>([asked](Filesystem& filesystem) { return filesystem.ask_stop(asked); });
  if (!answer) return fail(std::move(answer));
  Output& out = session.out();
  const int code = answer->ok ? kOk : kFailed;
  if (out.json()) {
    Json some = Json::array();
    for (ChunkHandle handle : answer->some) some.push_back(fmt::format("{}", handle));
    out.object({{"ok", answer->ok},
                {"why", answer->why},
                {"chunks", answer->chunks},
                {"unreadable", answer->unreadable},
                {"unwritable", answer->unwritable},
                {"fewer", answer->fewer},
                {"some", some}});
    return code;
  }
  out.line(answer->ok ? out.colored(Output::Color::good, "yes")
                      : out.colored(Output::Color::bad, "no") + ": " + out.name(answer->why));
  out.note(fmt::format("{} chunks have a member there; {} would have fewer replicas than they should", answer->chunks,
                       answer->fewer));
  for (ChunkHandle handle : answer->some) out.note(fmt::format("chunk {}", handle));
  return code;
}

}  // namespace

const Command kServerOkToStop{
    .name = "server ok-to-stop",
    .group = "Cluster",
    .usage = "SERVER...",
    .summary = "whether servers may be stopped, all of them: exit code 0 yes, 1 no",
    .help =
        "Yes: every chunk can be read and written to without them; and those that drain have no chunks any more.\n"
        "Example: server ok-to-stop 3f2a && ssh board2 poweroff",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 256,
    .run = run,
};

}  // namespace gfs::cli
