#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Status = bus::CollectionStatus::Reply;
using Server = bus::CollectionStatus::Server;

Json as_json(const Server& server) {
  return {{"server", server.server.text()},    {"address", server.address},
          {"quarantined", server.quarantined}, {"quarantined_bytes", server.quarantined_bytes},
          {"oldest_ms", server.oldest_ms},     {"garbage", server.garbage},
          {"refused", server.refused},         {"unknown", server.unknown}};
}

Result<int> run(Session& session, const Arguments&) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.collection_status(); };
  Result<Status> status = session.run<Status>(ask);
  if (!status) return fail(std::move(status));
  const bool human = out.to_terminal();
  std::uint64_t refused = 0;
  Table table({"SERVER", "ADDRESS", ">QUARANTINED", ">BYTES", ">OLDEST", ">GARBAGE", ">REFUSED", ">UNKNOWN"});
  for (const Server& server : status->servers) {
    refused += server.refused;
    if (out.json()) {
      out.object(as_json(server));
      continue;
    }
    std::string oldest = std::to_string(server.oldest_ms);
    if (human) oldest = server.oldest_ms < 0 ? "-" : format_duration(std::chrono::milliseconds(server.oldest_ms));
    table.add({server.server.text(), out.name(server.address), std::to_string(server.quarantined),
               human ? format_size(server.quarantined_bytes) : std::to_string(server.quarantined_bytes), oldest,
               std::to_string(server.garbage), std::to_string(server.refused), std::to_string(server.unknown)});
  }
  table.print(out);
  if (!status->held_back.empty()) out.note("nothing is collected: " + status->held_back);
  if (refused > 0) {
    out.note(
        fmt::format("{} replicas wait for your word: more than the servers put away within an hour by themselves. "
                    "If so much was really deleted: gc allow all --up-to {}",
                    refused, refused));
  }
  return kOk;
}

}  // namespace

const Command kGcStatus{
    .name = "gc status",
    .group = "Cluster",
    .usage = "",
    .summary = "replicas that no file needs any more: found, put away, refused",
    .help =
        "GARBAGE was found and is still held; of it, REFUSED is more than its server puts away by itself within an "
        "hour\n"
        "(100, or 5 % of what it holds) and waits for gc allow. QUARANTINED is what gc restore can take back until it "
        "is\n"
        "unlinked (3 days). UNKNOWN are chunks that this master has never given out: its log may be older than the "
        "truth.\n"
        "In a pipe: tab-separated, bytes, the oldest in milliseconds (-1: nothing is there).\n"
        "Example: gc status",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
