#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.status(); };
  Result<bus::ClusterStatus::Reply> status = session.run<bus::ClusterStatus::Reply>(ask);
  if (!status) return fail(std::move(status));
  std::uint64_t free = status->capacity > status->used ? status->capacity - status->used : 0;
  if (out.json()) {
    out.object({{"capacity", status->capacity}, {"used", status->used}, {"free", free}});
    return kOk;
  }
  auto size = [&](std::uint64_t bytes) { return arguments.has("human") ? format_size(bytes) : std::to_string(bytes); };
  std::string share = status->capacity == 0 ? "-" : fmt::format("{}%", status->used * 100 / status->capacity);
  Table table({">CAPACITY", ">USED", ">FREE", ">USED%"});
  table.add({size(status->capacity), size(status->used), size(free), share});
  table.print(out);
  return kOk;
}

}  // namespace

const Command kDf{
    .name = "df",
    .group = "Cluster",
    .usage = "[-h]",
    .summary = "tells how full the servers' disks are",
    .help = "Raw bytes of all servers: a file takes its size times its replicas.\nExample: df -h",
    .options = {{'h', "human", "", "sizes as 1.2 MiB"}},
    .run = run,
};

}  // namespace gfs::cli
