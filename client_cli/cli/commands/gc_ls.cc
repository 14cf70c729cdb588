#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Page = bus::ListQuarantine::Reply;
using Servers = std::vector<bus::ServerInfo>;

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<bus::ServerInfo> server = choose_server(arguments[0], *servers);
  if (!server) return fail(std::move(server));
  const bool human = out.to_terminal();
  Table table({"HANDLE", ">VERSION", "WHY", ">BYTES", ">AGE", ">LEFT"});
  bus::ListQuarantine ask;
  while (true) {
    auto list = [&](Filesystem& filesystem) { return filesystem.list_quarantine(server->address, ask); };
    Result<Page> page = session.run<Page>(list);
    if (!page) return fail(std::move(page));
    for (const bus::ListQuarantine::Entry& entry : page->entries) {
      const std::string why = entry.why == bus::Garbage::orphan ? "orphan" : "stale";
      const std::int64_t age = std::max<std::int64_t>(0, page->now_ms - entry.since_ms);
      const std::int64_t left = std::max<std::int64_t>(0, static_cast<std::int64_t>(page->quarantine_ms) - age);
      if (out.json()) {
        out.object({{"handle", hex(entry.handle)},
                    {"version", entry.version.value},
                    {"why", why},
                    {"bytes", entry.bytes},
                    {"age_ms", age},
                    {"left_ms", left}});
        continue;
      }
      auto time = [human](std::int64_t ms) {
        return human ? format_duration(std::chrono::milliseconds(ms)) : std::to_string(ms);
      };
      table.add({hex(entry.handle), std::to_string(entry.version.value), why,
                 human ? format_size(entry.bytes) : std::to_string(entry.bytes), time(age), time(left)});
    }
    if (page->last || page->entries.empty()) break;
    ask.after = page->entries.back().handle;
    ask.after_number = page->entries.back().number;
  }
  table.print(out);
  return kOk;
}

}  // namespace

const Command kGcLs{
    .name = "gc ls",
    .group = "Cluster",
    .usage = "SERVER",
    .summary = "what is in a server's quarantine",
    .help =
        "SERVER: its id, four or more of its first digits, or its address. LEFT: until it is unlinked.\n"
        "In a pipe: tab-separated, bytes and milliseconds.\n"
        "Example: gc ls tcp://127.0.0.1:7510",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
