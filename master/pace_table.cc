#include "master/pace_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace gfs::master {

namespace {

constexpr Duration kEvery = 1s;

template <class T>
T middle(std::vector<T> all) {
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), at, all.end());
  return *at;
}

}  // namespace

void PaceTable::told(ServerId witness, const std::vector<bus::Heartbeat::Pace>& paces, Instant now) {
  Told& told = told_[witness];
  told.at = now;
  told.paces.clear();
  for (const bus::Heartbeat::Pace& one : paces) told.paces[one.server] = one.us;
}

void PaceTable::forget(ServerId server) {
  told_.erase(server);
  suspicious_.erase(server);
  slow_.erase(server);
}

// What most of those find who tell of it and of others.
std::optional<PaceTable::Finding> PaceTable::examine(ServerId server, Instant now) const {
  std::vector<double> times;
  std::vector<std::uint64_t> paces;
  for (const auto& [witness, told] : told_) {
    auto own = told.paces.find(server);
    if (witness == server || now > told.at + kFresh || own == told.paces.end()) continue;
    std::vector<std::uint64_t> others;
    for (const auto& [other, us] : told.paces) {
      if (other != server) others.push_back(us);
    }
    if (others.empty()) continue;
    const std::uint64_t usual = std::max<std::uint64_t>(middle(std::move(others)), 1);
    times.push_back(static_cast<double>(own->second) / static_cast<double>(usual));
    paces.push_back(own->second);
  }
  if (times.empty()) return std::nullopt;
  // With two witnesses both have to find it so.
  std::sort(times.begin(), times.end());
  std::sort(paces.begin(), paces.end());
  const std::size_t most = (times.size() - 1) / 2;
  const Finding finding{times[most], paces[most], times.size()};
  const bool noticed =
      finding.us >= static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(kNoticed).count());
  return finding.times >= kTimes && noticed ? std::optional(finding) : std::nullopt;
}

void PaceTable::judge(std::size_t up, Instant now) {
  if (now < next_) return;
  next_ = now + kEvery;
  std::erase_if(told_, [&](const auto& one) { return now > one.second.at + kFresh; });
  std::erase_if(slow_, [&](const auto& one) { return now > one.second.until + kForgotten; });
  std::set<ServerId> known;
  for (const auto& [witness, told] : told_) {
    for (const auto& [server, us] : told.paces) known.insert(server);
  }
  std::erase_if(suspicious_, [&](const auto& one) { return !known.contains(one.first); });
  std::vector<std::pair<double, ServerId>> found;
  std::map<ServerId, Finding> findings;
  for (ServerId server : known) {
    const std::optional<Finding> finding = examine(server, now);
    if (!finding) {
      suspicious_.erase(server);
      continue;
    }
    const Instant since = suspicious_.try_emplace(server, now).first->second;
    if (now < since + kFor) continue;
    found.emplace_back(finding->times, server);
    findings[server] = *finding;
  }
  std::sort(found.rbegin(), found.rend());
  const std::size_t most = std::max<std::size_t>(up / 4, 1);
  std::size_t count = 0;
  for (const auto& [server, one] : slow_) count += now < one.until;
  for (const auto& [times, server] : found) {
    if (!slow(server, now) && count++ >= most) continue;
    auto [at, first] = slow_.try_emplace(server);
    Slow& slow = at->second;
    if (first || now >= slow.until) {
      slow.since = now;
      slow.hold = first ? kHoldFirst : std::min<Duration>(2 * slow.hold, kHoldMost);
    }
    slow.until = now + slow.hold;
    slow.finding = findings.at(server);
  }
}

std::size_t PaceTable::count_slow(Instant now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(slow_, [&](const auto& one) { return now < one.second.until; }));
}

std::string PaceTable::why(ServerId server, Instant now) const {
  if (!slow(server, now)) return {};
  const Slow& one = slow_.at(server);
  return fmt::format(
      "it is slow: {} ms for what others do in a {}th of that, as {} primaries find; for {} s more it gets nothing new if "
      "others can be had",
      one.finding.us / 1000, static_cast<std::uint64_t>(one.finding.times), one.finding.witnesses,
      std::chrono::duration_cast<std::chrono::seconds>(one.until - now).count() + 1);
}

}  // namespace gfs::master
