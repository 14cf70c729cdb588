#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Lease = bus::ListLeases::Lease;

Result<int> run(Session& session, const Arguments&) {
  Output& out = session.out();
  auto ask = [](Filesystem& filesystem) { return filesystem.leases(); };
  Result<std::vector<Lease>> leases = session.run<std::vector<Lease>>(ask);
  if (!leases) return fail(std::move(leases));
  Table table({"HANDLE", "INODE", ">INDEX", ">VERSION", "PRIMARY", "ADDRESS", ">REMAINING"});
  for (const Lease& lease : *leases) {
    if (out.json()) {
      out.object({{"handle", hex(lease.handle)},
                  {"inode", hex(lease.inode)},
                  {"index", lease.index},
                  {"version", lease.version.value},
                  {"primary", lease.primary.text()},
                  {"address", lease.address},
                  {"remaining_ms", lease.remaining_ms}});
      continue;
    }
    std::string remaining = out.to_terminal() ? format_duration(std::chrono::milliseconds(lease.remaining_ms))
                                              : std::to_string(lease.remaining_ms);
    table.add({hex(lease.handle), hex(lease.inode), std::to_string(lease.index), std::to_string(lease.version.value),
               lease.primary.text(), out.name(lease.address), remaining});
  }
  if (!out.json() && !leases->empty()) table.print(out);
  return kOk;
}

}  // namespace

const Command kLeaseLs{
    .name = "lease ls",
    .group = "Cluster",
    .usage = "",
    .summary = "lists which server orders the writes to which chunk, and how long yet",
    .help =
        "A lease goes on as long as its server is heard. In a pipe: tab-separated, milliseconds.\n"
        "Example: lease ls",
    .options = {},
    .run = run,
};

}  // namespace gfs::cli
