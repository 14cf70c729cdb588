// PeerPaces: how long the members of this server's chunks take to carry out what it orders as their primary, itself
// included. The master compares: a server that all find slow is slow, whatever its heartbeats say.
//
// Of each member the last samples, none older than a while. Owned by ChunkServer; lives on its loop; pure: `now` is an
// argument.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "bus/messages/chunk_master.h"

namespace gfs::chunkserver {

class PeerPaces {
 public:
  static constexpr std::size_t kSamples = 16, kSamplesLeast = 6;  // of one member; with fewer nothing is told
  static constexpr std::size_t kPeersMax = 256;
  static constexpr Duration kWindow = 20s;

  // `took`: from the order to the answer, or to the end of patience.
  void note(ServerId server, Duration took, Instant now) {
    if (!peers_.contains(server) && peers_.size() >= kPeersMax) return;
    std::deque<Sample>& samples = peers_[server];
    if (samples.size() == kSamples) samples.pop_front();
    samples.push_back({now, took});
  }

  // The median of each; what is too old is forgotten.
  std::vector<bus::Heartbeat::Pace> tell(Instant now) {
    std::vector<bus::Heartbeat::Pace> paces;
    for (auto peer = peers_.begin(); peer != peers_.end();) {
      std::deque<Sample>& samples = peer->second;
      while (!samples.empty() && samples.front().first + kWindow < now) samples.pop_front();
      if (samples.empty()) {
        peer = peers_.erase(peer);
        continue;
      }
      if (samples.size() >= kSamplesLeast) paces.push_back({peer->first, to_us(median(samples))});
      ++peer;
    }
    return paces;
  }

 private:
  using Sample = std::pair<Instant, Duration>;

  static Duration median(const std::deque<Sample>& samples) {
    std::vector<Duration> all;
    for (const Sample& one : samples) all.push_back(one.second);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
  }
  static std::uint64_t to_us(Duration one) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(one).count());
  }

  std::map<ServerId, std::deque<Sample>> peers_;
};

}  // namespace gfs::chunkserver
