// rebalance status|start|stop.
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using Balance = bus::ShowBalance::Reply;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

Result<int> status(Session& session, const Arguments&) {
  Result<Balance> balance = session.run<Balance>([](Filesystem& filesystem) { return filesystem.balance(); });
  if (!balance) return fail(std::move(balance));
  Output& out = session.out();
  if (out.json()) {
    Json servers = Json::array(), moves = Json::array();
    for (const bus::ShowBalance::Server& one : balance->servers) {
      servers.push_back(
          {{"server", one.server.text()}, {"rack", one.rack}, {"used_share", one.share}, {"takes_chunks", one.takes}});
    }
    for (const bus::ShowBalance::Move& one : balance->moves) {
      moves.push_back({{"chunk", fmt::format("{}", one.handle)},
                       {"source", one.source.text()},
                       {"target", one.target.text()},
                       {"why", one.why}});
    }
    out.object({{"stopped", balance->stopped},
                {"waits", balance->waits},
                {"uneven", balance->filling},
                {"mean_share", balance->mean},
                {"threshold", balance->threshold},
                {"moved", balance->moved},
                {"failed", balance->failed},
                {"servers", std::move(servers)},
                {"moves", std::move(moves)}});
    return kOk;
  }
  const std::string uneven = balance->filling ? "yes" : "no";
  print_fields(out, {{"uneven", fmt::format("{}  (mean {} full, moves begin {} from it)", uneven,
                                            percent(balance->mean), percent(balance->threshold))},
                     {"moved", fmt::format("{} replicas  failed {}", balance->moved, balance->failed)},
                     {"waits", balance->waits.empty() ? "no" : out.name(balance->waits)}});
  Table servers({"SERVER", "RACK", ">FULL", "TAKES CHUNKS"});
  for (const bus::ShowBalance::Server& one : balance->servers)
    servers.add({one.server.text(), out.name(one.rack), percent(one.share), one.takes ? "yes" : "no"});
  servers.print(out);
  if (balance->moves.empty()) return kOk;
  Table moves({"CHUNK", "FROM", "TO", "WHY"});
  for (const bus::ShowBalance::Move& one : balance->moves)
    moves.add({fmt::format("{}", one.handle), one.source.text(), one.target.text(), out.name(one.why)});
  moves.print(out);
  return kOk;
}

Result<int> set(Session& session, const Arguments& arguments, bool on) {
  auto work = [on](Filesystem& filesystem) { return filesystem.set_repair({.balance = on ? 1 : 0}); };
  Result<> done = mutate<void>(session, arguments, 1, work);
  if (!done) return fail(std::move(done));
  tell_mutation(session, arguments, {{"stopped", !on}});
  return kOk;
}

Result<int> start(Session& session, const Arguments& arguments) { return set(session, arguments, true); }

Result<int> stop(Session& session, const Arguments& arguments) { return set(session, arguments, false); }

}  // namespace

const Command kRebalanceStatus{
    .name = "rebalance status",
    .group = "Cluster",
    .usage = "",
    .summary = "how full the servers are, what is moved between them, and what that waits for",
    .help =
        "FULL: the share of the capacity in use, without what was moved away and is still to be unlinked. Counts "
        "since\n"
        "the master started.\nExample: rebalance status",
    .options = {},
    .run = status,
};

const Command kRebalanceStart{
    .name = "rebalance start",
    .group = "Cluster",
    .usage = "",
    .summary = "replicas are moved where servers or racks are uneven (the default)",
    .help =
        "From servers fuller than the mean to emptier ones, and into racks that hold none of a chunk; a few at a time, "
        "at\n"
        "half the speed of repair, and only while nothing needs repair.\n"
        "Example: rebalance start",
    .options = with_request_options(),
    .run = start,
};

const Command kRebalanceStop{
    .name = "rebalance stop",
    .group = "Cluster",
    .usage = "",
    .summary = "nothing is moved for balance until rebalance start, also over a restart of the master",
    .help = "What is being moved is finished.\nExample: rebalance stop",
    .options = with_request_options(),
    .run = stop,
};

}  // namespace gfs::cli
