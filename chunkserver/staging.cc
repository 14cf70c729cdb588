#include "chunkserver/staging.h"

namespace gfs::chunkserver {

Result<> Staging::put(RequestId id, StagedFragment fragment) {
  sweep();
  auto found = entries_.find(id);
  if (found != entries_.end()) {
    const StagedFragment& had = found->second.fragment;
    if (had.handle == fragment.handle && had.offset == fragment.offset && had.digest == fragment.digest &&
        had.bytes.size() == fragment.bytes.size()) {
      return {};
    }
    if (found->second.pinned)
      return fail(Code::conflict, "request {}: other bytes under this id are being written", id);
    erase(found);
  }
  const std::uint64_t size = fragment.bytes.size();
  if (size > bytes_max_ - bytes_) {
    return fail(Code::overloaded, "staging is full: {} of {} bytes wait for their orders", bytes_, bytes_max_);
  }
  bytes_ += size;
  const Instant now = executor_.now();
  entries_[id] = Entry{std::move(fragment), now, false};
  by_age_.emplace(now, id);
  wake(id);
  return {};
}

// Telling a waiter may run it at once: the table is in order before.
void Staging::wake(RequestId id) {
  std::vector<Promise<void>> told;
  auto [first, last] = waiting_.equal_range(id);
  for (auto it = first; it != last; ++it) told.push_back(std::move(it->second));
  waiting_.erase(first, last);
  for (Promise<void>& waiter : told) waiter.set({});
}

const StagedFragment* Staging::find(RequestId id) const {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second.fragment;
}

Task<StagedFragment> Staging::wait(RequestId id, Instant until) {
  while (true) {
    const StagedFragment* fragment = find(id);
    if (fragment != nullptr) co_return *fragment;
    if (executor_.now() >= until) co_await fail(Code::missing_data, "request {}: its bytes have not come", id);
    Promise<void> promise;
    Future<void> come = promise.future();
    auto place = waiting_.emplace(id, std::move(promise));
    struct Leave {
      Staging& staging;
      RequestId id;
      std::multimap<RequestId, Promise<void>>::iterator place;
      Executor& executor;
      TimerId timer;
      ~Leave() {
        executor.cancel(timer);
        // The waiter went away: its place goes too, unless the bytes came and took it.
        auto [first, last] = staging.waiting_.equal_range(id);
        for (auto it = first; it != last; ++it) {
          if (it == place) {
            staging.waiting_.erase(it);
            return;
          }
        }
      }
    };
    Leave leave{*this, id, place, executor_, 0};
    leave.timer = executor_.at(until, [this, id] { wake(id); });
    co_await std::move(come);
  }
}

void Staging::pin(RequestId id) {
  auto found = entries_.find(id);
  if (found != entries_.end()) found->second.pinned = true;
}

void Staging::unpin(RequestId id) {
  auto found = entries_.find(id);
  if (found != entries_.end()) found->second.pinned = false;
}

void Staging::release(RequestId id) {
  auto found = entries_.find(id);
  if (found != entries_.end()) erase(found);
}

void Staging::sweep() {
  const Instant now = executor_.now();
  while (!by_age_.empty() && by_age_.begin()->first + age_max_ <= now) {
    const auto [since, id] = *by_age_.begin();
    auto found = entries_.find(id);
    if (found == entries_.end() || found->second.since != since) {
      by_age_.erase(by_age_.begin());
    } else if (found->second.pinned) {
      by_age_.erase(by_age_.begin());
      found->second.since = now;
      by_age_.emplace(now, id);
    } else {
      erase(found);
    }
  }
}

void Staging::erase(std::map<RequestId, Entry>::iterator entry) {
  bytes_ -= entry->second.fragment.bytes.size();
  auto [first, last] = by_age_.equal_range(entry->second.since);
  for (auto it = first; it != last; ++it) {
    if (it->second == entry->first) {
      by_age_.erase(it);
      break;
    }
  }
  entries_.erase(entry);
}

}  // namespace gfs::chunkserver
