#include "chunkserver/collection_limit.h"

namespace gfs::chunkserver {

namespace {

constexpr std::size_t kSteps = 120;  // what goes within a 120th of the window counts as one

std::uint64_t minus(std::uint64_t from, std::uint64_t what) { return from - std::min(from, what); }

}  // namespace

std::uint64_t CollectionLimit::taken() const {
  std::uint64_t sum = 0;
  for (const Taken& one : taken_) sum += one.count;
  return sum;
}

std::uint64_t CollectionLimit::without_word(std::uint64_t held, std::uint64_t quarantined) const {
  // Of what was held when the window began.
  const std::uint64_t share = (held + taken()) * settings_.percent / 100;
  const std::uint64_t in_window = minus(std::max(settings_.chunks, share), taken());
  const std::uint64_t away = minus(std::max(settings_.chunks, (held + quarantined) / 2), quarantined);
  return std::min(in_window, away);
}

std::uint64_t CollectionLimit::left(std::uint64_t held, std::uint64_t quarantined, Instant now) {
  forget(now);
  held_ = held;
  quarantined_ = quarantined;
  return without_word(held, quarantined) + allowed_;
}

void CollectionLimit::took(std::uint64_t count, Instant now) {
  forget(now);
  allowed_ -= std::min(allowed_, minus(count, without_word(held_, quarantined_)));
  if (taken_.empty() || now - taken_.back().when > settings_.window / kSteps) taken_.push_back({now, 0});
  taken_.back().count += count;
}

void CollectionLimit::allow(std::uint64_t up_to, Instant until) {
  allowed_ = up_to;
  allowed_until_ = until;
}

void CollectionLimit::forget(Instant now) {
  while (!taken_.empty() && now - taken_.front().when > settings_.window) taken_.pop_front();
  if (now >= allowed_until_) allowed_ = 0;
}

}  // namespace gfs::chunkserver
