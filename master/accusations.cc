#include "master/accusations.h"

namespace gfs::master {

Accusations::Verdict Accusations::weigh(const Accusation& accusation, Instant now) {
  if (no_weighing_) return Verdict::remove;
  expire(now);
  const auto& [handle, accuser, accused, confessed, heard] = accusation;
  auto first = made_.lower_bound({handle, accused, ServerId{}});
  const bool before =
      first != made_.end() && std::get<0>(first->first) == handle && std::get<1>(first->first) == accused;
  if (before || confessed || !heard) {
    forget(handle, accused);
    return Verdict::remove;
  }
  const Key key{handle, accused, accuser};
  made_.emplace(key, now);
  by_age_.emplace(now, key);
  return Verdict::move_primary;
}

void Accusations::forget(ChunkHandle handle, ServerId accused) {
  auto at = made_.lower_bound({handle, accused, ServerId{}});
  while (at != made_.end() && std::get<0>(at->first) == handle && std::get<1>(at->first) == accused) {
    by_age_.erase({at->second, at->first});
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
