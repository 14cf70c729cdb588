#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

namespace {

using Allowed = bus::AllowCollection::Reply;
using Servers = std::vector<bus::ServerInfo>;

constexpr std::uint64_t kUpToMax = 100'000'000;
constexpr Duration kForMax = 7 * 24h;

Result<int> run(Session& session, const Arguments& arguments) {
  if (!arguments.has("up-to")) {
    return fail(Code::invalid_argument,
                "--up-to: how many replicas each server may put away; gc status shows how many wait");
  }
  bus::AllowCollection ask;
  Result<std::uint64_t> up_to = arguments.number("up-to", 0, 0, kUpToMax);
  if (!up_to) return fail(std::move(up_to));
  ask.up_to = *up_to;
  Result<Duration> time = parse_duration(arguments.value("for", "1h"));
  if (!time || *time <= Duration::zero() || *time > kForMax) {
    return fail(Code::invalid_argument, "--for: a time up to 7d, as 1h");
  }
  ask.for_ms = static_cast<std::uint64_t>(to_ms(*time));
  Result<Servers> servers = session.run<Servers>([](Filesystem& filesystem) { return filesystem.servers(); });
  if (!servers) return fail(std::move(servers));
  Result<ServerId> server = choose_servers(arguments.count() > 0 ? arguments[0] : "", *servers);
  if (!server) return fail(std::move(server));
  ask.server = *server;
  auto allow = [ask](Filesystem& filesystem) { return filesystem.allow_collection(ask); };
  Result<Allowed> allowed = session.run<Allowed>(allow);
  if (!allowed) return fail(std::move(allowed));
  if (session.out().json()) session.out().object({{"servers", allowed->servers}, {"up_to", ask.up_to}});
  return kOk;
}

}  // namespace

const Command kGcAllow{
    .name = "gc allow",
    .group = "Cluster",
    .usage = "[SERVER|all] --up-to N [--for TIME]",
    .summary = "lets servers put away more replicas than they do by themselves",
    .help =
        "A server puts away at most 100 replicas an hour, or 5 % of what it holds, whatever the master says: a master "
        "that\n"
        "is wrong about what is garbage is wrong about all of it. If so much was really deleted, this is the word for "
        "it:\n"
        "N more on each server, within an hour (--for). It replaces what was allowed before, 0 takes it back, and a "
        "server\n"
        "that restarts forgets it. What was put away can be taken back for 3 days (gc restore).\n"
        "Example: gc allow all --up-to 5000",
    .options = {{0, "up-to", "N", "so many replicas on each server"},
                {0, "for", "TIME", "how long that holds (default 1h, at most 7d)"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
