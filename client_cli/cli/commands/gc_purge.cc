#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Purged = bus::PurgeQuarantine::Reply;
using Servers = std::vector<bus::ServerInfo>;

Result<int> run(Session& session, const Arguments& arguments) {
  if (!arguments.has("older-than")) {
    return fail(Code::invalid_argument,
                "--older-than: how long it must have been in quarantine, as 1d; 0s for all of it");
  }
  Result<Duration> age = parse_duration(arguments.value("older-than"));
  if (!age || *age < Duration::zero()) return fail(Code::invalid_argument, "--older-than: a time, as 1d");
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<ServerId> server = choose_servers(arguments.count() > 0 ? arguments[0] : "", *servers);
  if (!server) return fail(std::move(server));
  Purged sum;
  do {
    bus::PurgeQuarantine ask;
    ask.server = *server;
    ask.older_than_ms = static_cast<std::uint64_t>(to_ms(*age));
    auto purge = [ask](Filesystem& filesystem) { return filesystem.purge_quarantine(ask); };
    Result<Purged> purged = session.run<Purged>(purge);
    if (!purged) return fail(std::move(purged));
    sum.chunks += purged->chunks;
    sum.bytes += purged->bytes;
    sum.more = purged->more && purged->chunks > 0;
  } while (sum.more && !interrupted());
  Output& out = session.out();
  if (out.json()) {
    out.object({{"chunks", sum.chunks}, {"bytes", sum.bytes}});
  } else if (out.to_terminal()) {
    out.line(fmt::format("{} replicas unlinked, {}", sum.chunks, format_size(sum.bytes)));
  } else {
    out.line(fmt::format("{}\t{}", sum.chunks, sum.bytes));
  }
  return kOk;
}

}  // namespace

const Command kGcPurge{
    .name = "gc purge",
    .group = "Cluster",
    .usage = "[SERVER|all] --older-than TIME",
    .summary = "unlinks what is in quarantine, for good",
    .help =
        "Otherwise this happens by itself after 3 days. There is no way back. In a pipe: replicas and bytes, "
        "tab-separated.\n"
        "Example: gc purge all --older-than 1d",
    .options = {{0, "older-than", "TIME", "only what has been there for so long; 0s: all of it"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
