#include "client_cli/cli/commands.h"
#include "client_cli/cli/decisions.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;

Result<int> run(Session& session, const Arguments& arguments) {
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[0], *servers);
  if (!server) return fail(std::move(server));
  using Reply = bus::Explain::Reply;
  bus::Explain ask{.server = server->server, .limit = 10};
  Result<Reply> reply = session.run<Reply>([ask](Filesystem& filesystem) { return filesystem.explain(ask); });
  if (!reply) return fail(std::move(reply));
  if (!session.out().json()) session.out().line(server->server.text());
  print_explanation(session, *reply,
                    {{"server", server->server.text()},
                     {"address", server->address},
                     {"rack", server->rack},
                     {"state", server->state},
                     {"used", server->used},
                     {"free", server->free},
                     {"chunks", server->chunks},
                     {"last_seen_ms", server->last_seen_ms}});
  return kOk;
}

}  // namespace

const Command kServerInfo{
    .name = "server info",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "one server: how it stands, and what was decided about it lately",
    .help =
        "SERVER: its id or the begin of it, or its address. why server shows more decisions.\n"
        "Example: server info 3f2a",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
