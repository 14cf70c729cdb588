#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Restored = bus::RestoreChunk::Reply;
using Servers = std::vector<bus::ServerInfo>;

Result<int> run(Session& session, const Arguments& arguments) {
  Result<ChunkHandle> handle = parse_handle(arguments[0]);
  if (!handle) return fail(std::move(handle));
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[1], *servers);
  if (!server) return fail(std::move(server));
  auto restore = [id = server->server, handle = *handle](Filesystem& filesystem) {
    return filesystem.restore_chunk(id, handle);
  };
  Result<Restored> restored = session.run<Restored>(restore);
  if (!restored) return fail(std::move(restored));
  if (session.out().json()) {
    session.out().object({{"handle", hex(*handle)},
                          {"server", server->server.text()},
                          {"version", restored->version.value},
                          {"length", restored->length}});
  }
  return kOk;
}

}  // namespace

const Command kGcRestore{
    .name = "gc restore",
    .group = "Cluster",
    .usage = "HANDLE SERVER",
    .summary = "takes a replica back from a server's quarantine",
    .help =
        "As it was, with all it remembers; the last one that was put away, if there are several. The server leaves it "
        "alone\n"
        "then for as long as its quarantine lasts, or until it restarts. It belongs to a file only if the master's "
        "table has\n"
        "the chunk; an old copy does no harm: its version says that it is one.\n"
        "Example: gc restore 00010000000000a1 tcp://127.0.0.1:7510",
    .options = {},
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
