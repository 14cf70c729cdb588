// Liveness: does the master find out in time that a server is gone, and does it ever give up one that is not?
//
// A cluster without files, on real nodes in virtual time. Under one trouble at a time, for minutes, nobody dies:
// whoever the master calls lost then is a false verdict. At the end of them, and once more after a calm, the process of
// one server is killed (its machine refuses connections) and the machine of another one goes dark (nothing comes from
// it any more); how long it takes until the master sends nothing new there, and until it gives them up, is measured.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/id.h"
#include "bus/sim_bus.h"
#include "tests/sim/plan.h"
#include "tests/sim/seeds.h"

namespace gfs::sim {

// One of them in each seed, in turn:
//   loss    30 % of the messages are lost, as datagrams would be
//   tcp     30 % of the packets are sent again after 200 ms, 400 ms ...; what is behind them waits
//   stall   again and again up to three processes stand still for 5 s, the master's among them
//   oneway  one direction of one link is blocked: among servers for 50 s, between one and the master for 12 s
//   slow    a server hears and is heard 400 ms or 1 s late
inline const std::set<std::string> kTroubles = {"loss", "oneway", "slow", "stall", "tcp"};

struct LivenessPlan {
  int servers = 50;
  double minutes = 3;                          // under the trouble, virtual
  std::set<std::string> troubles = kTroubles;  // none: only the crashes in the calm
};

// Of such a cluster: nothing fails by itself, settings are those of the daemons.
Plan plan_liveness(std::uint64_t seed, int servers);
// Whose number is whose id, by the master's word. Empty: it does not answer.
std::map<ServerId, int> number_servers(SimExecutor& world, bus::SimNetwork& network, const Plan& plan);

// faults_found: false verdicts, crashes that were not found, verdicts before two rounds.
SeedResult run_liveness(const LivenessPlan& plan, std::uint64_t seed);

// All seeds' measurements together. Named is what misses the goals: in the calm a killed process is suspected within
// 2 s in the median; whoever has crashed is lost within 15 s in the 99th percentile. Empty: nothing does.
std::string print_liveness(const std::map<std::string, std::vector<std::int64_t>>& samples);

}  // namespace gfs::sim
