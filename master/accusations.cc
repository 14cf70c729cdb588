#include "master/accusations.h"

namespace gfs::master {

Accusations::Verdict Accusations::weigh(const Accusation& accusation, Instant now) {
  expire(now);
  const auto& [handle, version, accuser, accused, confessed, heard] = accusation;
  bool before = false;
  for (auto at = made_.lower_bound({handle, accused, ServerId{}}); at != made_.end(); ++at) {
    const auto& [of, whom, by] = at->first;
    if (of != handle || whom != accused) break;
    before = before || by != accuser || at->second.version != version;
  }
  if (before || confessed || !heard) {
    forget(handle, accused);
    return Verdict::remove;
  }
  const Key key{handle, accused, accuser};
  if (made_.emplace(key, Made{now, version}).second) by_age_.emplace(now, key);
  return Verdict::move_primary;
}

void Accusations::forget(ChunkHandle handle, ServerId accused) {
  auto at = made_.lower_bound({handle, accused, ServerId{}});
  while (at != made_.end() && std::get<0>(at->first) == handle && std::get<1>(at->first) == accused) {
    by_age_.erase({at->second.at, at->first});
    at = made_.erase(at);
  }
}

void Accusations::expire(Instant now) {
  while (!by_age_.empty() && (by_age_.begin()->first + kKept < now || by_age_.size() >= kMax)) {
    made_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
}

}  // namespace gfs::master
