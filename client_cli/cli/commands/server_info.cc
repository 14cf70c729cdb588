#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/decisions.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Servers = std::vector<bus::ServerInfo>;

std::string state_of(const bus::DiskInfo& disk) {
  switch (disk.state) {
    case bus::DiskState::ok:
      return disk.full ? "full" : "ok";
    case bus::DiskState::slow:
      return "slow";
    case bus::DiskState::read_only:
      return "read-only";
    case bus::DiskState::failed:
      return "failed";
  }
  return fmt::format("state {}", static_cast<int>(disk.state));  // of a newer program
}

Json disks_of(const bus::ServerInfo& server) {
  Json disks = Json::array();
  for (const bus::DiskInfo& one : server.disks) {
    disks.push_back({{"name", one.name},
                     {"disk", one.disk.nil() ? "" : one.disk.text()},
                     {"state", state_of(one)},
                     {"full", one.full},
                     {"reason", one.reason},
                     {"capacity", one.capacity},
                     {"used", one.used},
                     {"free", one.free},
                     {"chunks", one.chunks},
                     {"errors", one.errors}});
  }
  return disks;
}

void print_disks(Output& out, const bus::ServerInfo& server) {
  for (const bus::DiskInfo& one : server.disks) {
    std::string line = fmt::format("disk {}: {}, {} chunks", out.name(one.name), state_of(one), one.chunks);
    if (one.capacity > 0) line += fmt::format(", {} of {} used", format_size(one.used), format_size(one.capacity));
    if (one.errors > 0) line += fmt::format(", {} errors", one.errors);
    if (!one.reason.empty()) line += ": " + out.name(one.reason);
    out.line(line);
  }
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[0], *servers);
  if (!server) return fail(std::move(server));
  using Reply = bus::Explain::Reply;
  bus::Explain ask{.server = server->server, .limit = 10};
  Result<Reply> reply = session.run<Reply>([ask](Filesystem& filesystem) { return filesystem.explain(ask); });
  if (!reply) return fail(std::move(reply));
  if (!session.out().json()) {
    session.out().line(server->server.text());
    print_disks(session.out(), *server);
  }
  print_explanation(session, *reply,
                    {{"server", server->server.text()},
                     {"address", server->address},
                     {"rack", server->rack},
                     {"state", server->state},
                     {"used", server->used},
                     {"free", server->free},
                     {"chunks", server->chunks},
                     {"last_seen_ms", server->last_seen_ms},
                     {"disks", disks_of(*server)}});
  return kOk;
}

}  // namespace

const Command kServerInfo{
    .name = "server info",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "one server: how it stands, and what was decided about it lately",
    .help =
        "SERVER: its id or the begin of it, or its address. why server shows more decisions. Its disks are ok, full,\n"
        "slow, read-only or failed, with the reason.\n"
        "Example: server info 3f2a",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
