#include "master/copy_orders.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr Duration kCopyTime = 60s;  // and as long again as it takes at its speed
constexpr Duration kCopyTimeMax = 1h;
constexpr std::uint64_t kCopiedLittle = 8ull << 20;  // so much may be left for when mutations wait
constexpr std::uint64_t kRateLeast = 64 << 10;

}  // namespace

// A copy, as long as it runs.
class CopyOrders::Counted {
 public:
  Counted(CopyOrders& orders, ChunkHandle handle, Flow flow) : orders_(orders), handle_(handle), flow_(flow) {
    orders_.flows_[handle] = flow;
    ++orders_.into_[flow.target];
    ++orders_.out_of_[flow.source];
  }
  ~Counted() {
    orders_.flows_.erase(handle_);
    if (--orders_.into_[flow_.target] == 0) orders_.into_.erase(flow_.target);
    if (--orders_.out_of_[flow_.source] == 0) orders_.out_of_.erase(flow_.source);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  CopyOrders& orders_;
  const ChunkHandle handle_;
  const Flow flow_;
};

CopyOrders::Limits CopyOrders::limits() const {
  const RepairRules& said = state_.directives().repair();
  auto one = [](std::int64_t rule, std::uint64_t otherwise) {
    return rule < 0 ? otherwise : static_cast<std::uint64_t>(rule);
  };
  return {one(said.per_server, settings_.per_server), one(said.per_cluster, settings_.per_cluster)};
}

std::uint64_t CopyOrders::rate() const {
  const Limits limits = this->limits();
  std::uint64_t rate = 0;
  auto at_most = [&](std::uint64_t limit, std::size_t share) {
    if (limit == 0) return;
    const std::uint64_t part = std::max<std::uint64_t>(limit / share, kRateLeast);
    rate = rate == 0 ? part : std::min(rate, part);
  };
  at_most(limits.per_server, CopyLimits::kPerServer);
  at_most(limits.per_cluster, at_once());
  return rate;
}

std::vector<ServerId> CopyOrders::full() const {
  std::vector<ServerId> servers;
  for (const auto& [server, copies] : into_) {
    if (copies >= CopyLimits::kPerServer) servers.push_back(server);
  }
  return servers;
}

std::optional<CopyOrders::Flow> CopyOrders::flow(ChunkHandle handle) const {
  auto found = flows_.find(handle);
  return found == flows_.end() ? std::nullopt : std::optional(found->second);
}

Result<ServerId> CopyOrders::source_for(ChunkHandle handle, const Chunk& chunk, ServerId target) const {
  if (into(target) >= CopyLimits::kPerServer)
    return fail(Code::overloaded, "server {}, which is to take it, takes others", target);
  if (flows_.size() >= at_once()) return fail(Code::overloaded, "{} copies are under way", flows_.size());
  const Configuration& configuration = chunk.configuration;
  using Load = std::pair<std::size_t, bool>;
  std::optional<Load> least;
  ServerId source;
  for (ServerId member : configuration.members) {
    const bool good = servers_.up(member, now()) && !configuration.joins(member) &&
                      servers_.replica(member, handle, false) == ServerTable::Replica::ok;
    if (!good) continue;
    const Load load{out_of(member), member == configuration.primary};
    if (least && *least <= load) continue;
    least = load;
    source = member;
  }
  if (!least) return fail(Code::unavailable, "chunk {}: no member can be copied from", handle);
  if (least->first >= CopyLimits::kPerServer)
    return fail(Code::overloaded, "the members that could be copied from give others");
  return source;
}

Task<bus::CloneChunk::Reply> CopyOrders::clone(ChunkHandle handle, ServerId source, ServerId target) {
  const Server* server = servers_.find(target);
  if (server == nullptr) co_await fail(Code::unavailable, "server {} is not known any more", target);
  bus::CloneChunk ask{handle, layouts_.member(source), rate()};
  bus::CallOptions options;
  options.deadline = kCopyTime;
  if (ask.rate > 0) {
    const std::uint64_t seconds = 2 * kChunkSize / ask.rate;
    options.deadline = std::min<Duration>(kCopyTimeMax, kCopyTime + std::chrono::seconds(seconds));
  }
  log::info("copy_ordered", {{"chunk", handle}, {"source", source}, {"target", target}, {"rate", ask.rate}});
  decisions_.note(Decided::ordered, handle, target, fmt::format("from server {}", source));
  Counted counted(*this, handle, {source, target});
  bus::Peer peer = bus::Peer::on(server->route);
  bus::CloneChunk::Reply reply = co_await endpoint_.call(std::move(peer), std::move(ask), options);
  copied_bytes_ += reply.copied;
  co_return reply;
}

Task<std::uint64_t> CopyOrders::copy(ChunkHandle handle, ServerId source, ServerId target) {
  std::uint64_t bytes = (co_await clone(handle, source, target)).copied;
  if (bytes > kCopiedLittle) bytes += (co_await clone(handle, source, target)).copied;
  co_return bytes;
}

}  // namespace gfs::master
