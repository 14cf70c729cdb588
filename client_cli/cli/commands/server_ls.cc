#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.servers(); };
  Result<std::vector<bus::ServerInfo>> servers = session.run<std::vector<bus::ServerInfo>>(ask);
  if (!servers) return fail(std::move(servers));
  bool human = out.to_terminal() && !arguments.has("bytes");
  Table table({"SERVER", "ADDRESS", "RACK", "STATE", ">USED", ">FREE", ">CHUNKS", ">SEEN"});
  for (const bus::ServerInfo& server : *servers) {
    if (out.json()) {
      out.object({{"server", server.server.text()},
                  {"address", server.address},
                  {"rack", server.rack},
                  {"state", server.state},
                  {"used", server.used},
                  {"free", server.free},
                  {"chunks", server.chunks},
                  {"last_seen_ms", server.last_seen_ms}});
      continue;
    }
    Output::Color color = server.state == "up"     ? Output::Color::good
                          : server.state == "lost" ? Output::Color::bad
                                                   : Output::Color::warning;
    auto size = [human](std::uint64_t bytes) { return human ? format_size(bytes) : std::to_string(bytes); };
    std::string seen = std::to_string(server.last_seen_ms);
    if (human)
      seen =
          server.last_seen_ms < 0 ? "never" : format_duration(std::chrono::milliseconds(server.last_seen_ms)) + " ago";
    table.add({server.server.text(), out.name(server.address), out.name(server.rack), out.colored(color, server.state),
               size(server.used), size(server.free), std::to_string(server.chunks), seen});
  }
  table.print(out);
  return kOk;
}

}  // namespace

const Command kServerLs{
    .name = "server ls",
    .group = "Cluster",
    .usage = "[--bytes]",
    .summary = "lists the chunkservers",
    .help =
        "In a pipe: tab-separated, sizes in bytes, last seen in milliseconds ago (-1: not since the master started).\n"
        "Example: server ls",
    .options = {{0, "bytes", "", "exact numbers on a terminal too"}},
    .run = run,
};

}  // namespace gfs::cli
