#include "master/placement.h"

#include <algorithm>
#include <map>

namespace gfs::master {

namespace {

// The share of the disk that is free, less what was placed there since the figure was taken.
double weight_of(const Candidate& one, std::uint64_t room) {
  double expected = static_cast<double>(one.recent) * static_cast<double>(room);
  double free = std::max(static_cast<double>(one.free) - expected, static_cast<double>(room));
  double share = one.capacity == 0 ? 1.0 : free / static_cast<double>(one.capacity);
  return share / static_cast<double>(1 + one.recent);
}

}  // namespace

std::vector<ServerId> place(std::vector<Candidate> candidates, const PlacementWish& wish, Random& random) {
  std::map<std::string, std::size_t> in_rack;
  for (const Candidate& one : wish.present) {
    ++in_rack[one.rack];
    std::erase_if(candidates, [&](const Candidate& other) { return other.server == one.server; });
  }
  std::erase_if(candidates, [&](const Candidate& one) { return one.free < wish.room; });
  std::vector<ServerId> chosen;
  while (chosen.size() < wish.copies && !candidates.empty()) {
    std::size_t least = SIZE_MAX;
    for (const Candidate& one : candidates) least = std::min(least, in_rack[one.rack]);
    double total = 0;
    for (const Candidate& one : candidates) total += in_rack[one.rack] == least ? weight_of(one, wish.room) : 0;
    double ticket = random.unit() * total;
    auto winner = candidates.end();
    for (auto at = candidates.begin(); at != candidates.end(); ++at) {
      if (in_rack[at->rack] != least) continue;
      winner = at;
      ticket -= weight_of(*at, wish.room);
      if (ticket < 0) break;
    }
    chosen.push_back(winner->server);
    ++in_rack[winner->rack];
    candidates.erase(winner);
  }
  return chosen;
}

}  // namespace gfs::master
