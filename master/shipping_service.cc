#include "master/shipping_service.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/probe.h"

namespace gfs::master {

namespace {

constexpr Duration kForgetAfter = 10s;
constexpr Duration kWaitMax = 10s;
constexpr std::size_t kBytesMax = 1 << 20;  // of entries in one reply: it fits into a frame, as the largest entry does
constexpr std::size_t kEntriesMax = 8192;   // in one reply
constexpr std::size_t kQuestionsMax = 2;    // kept, for each shadow
constexpr std::size_t kCheckpointPiece = 512 << 10;

}  // namespace

void ShippingService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&ShippingService::ship>(*this);
  endpoint.serve<&ShippingService::fetch>(*this);
}

std::size_t ShippingService::shadows() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(shadows_, [this](const auto& one) { return now() - one.second.heard <= kForgetAfter; }));
}

Result<> ShippingService::admit(const std::string& route) {
  std::erase_if(shadows_, [&](const auto& one) { return now() - one.second.heard > kForgetAfter; });
  if (!shadows_.contains(route) && shadows_.size() >= settings_.shadows_max)
    return fail(Code::overloaded, "{} shadows follow this master already", shadows_.size());
  shadows_[route].heard = now();
  return {};
}

Result<> ShippingService::check_reads() const {
  if (reads_ < settings_.reads_max) return {};
  return fail(Code::overloaded, "{} shadows read older parts of the log already", reads_);
}

Task<bus::ShipLog::Reply> ShippingService::ship(bus::ShipLog ask, bus::Caller caller) {
  const std::string route = caller.peer.text();
  co_await admit(route);
  bus::ShipLog::Reply reply;
  reply.epoch = settings_.epoch;
  reply.term = log_.term();
  const bool same_log = ask.epoch == 0 || ask.epoch == settings_.epoch;
  auto reaches = [this](std::uint64_t after) { return after + 1 >= log_.first_index() && after <= recent_.last(); };
  if (same_log && reaches(ask.after)) {
    reply.other = !co_await is_same(ask, route);
    if (!reply.other && ask.after == recent_.last()) {
      if (recent_.waiting() >= kQuestionsMax * settings_.shadows_max)
        co_await fail(Code::overloaded, "{} shadows wait for the log already", recent_.waiting());
      const Instant began = now();
      const Duration patience = std::min<Duration>(kWaitMax, std::chrono::milliseconds(ask.wait_ms));
      co_await recent_.wait(ask.after, patience);
      reply.waited_ms = static_cast<std::uint32_t>(to_ms(now() - began));
    }
    const bool more = !reply.other && ask.after < recent_.last() && reaches(ask.after);
    if (more && recent_.has(ask.after + 1)) {
      tell_recent(reply, ask);
    } else if (more) {
      reply = co_await tell_older(std::move(reply), ask, route);
    }
  }
  reply.oldest = log_.first_index();
  reply.last = recent_.last();
  co_return reply;
}

Task<bool> ShippingService::is_same(bus::ShipLog ask, std::string route) {
  if (ask.digest == 0 || ask.after == 0) co_return true;
  if (recent_.has(ask.after)) co_return crc32c(recent_.at(ask.after)) == ask.digest;
  // Older ones are compared once for each connection: in between no other log can have come to be.
  if (shadows_[route].checked || ask.after < log_.first_index()) co_return true;
  co_await check_reads();
  Reading reading(reads_);
  SegmentCursor cursor = co_await cursor_at(ask.after, route);
  SegmentCursor::Bounds one{ask.after, 0, 1};
  std::vector<Bytes> op = co_await cursor.read(one);
  Shadow& shadow = shadows_[route];
  shadow.checked = true;
  shadow.cursor = std::move(cursor);
  co_return crc32c(op.at(0).view()) == ask.digest;
}

void ShippingService::tell_recent(bus::ShipLog::Reply& reply, const bus::ShipLog& ask) const {
  const std::size_t bytes_max = std::min<std::size_t>(ask.bytes, kBytesMax);
  std::string entries;
  reply.first = ask.after + 1;
  for (std::uint64_t index = reply.first; index <= recent_.last() && reply.sizes.size() < kEntriesMax; ++index) {
    const std::string& op = recent_.at(index);
    if (!reply.sizes.empty() && entries.size() + op.size() > bytes_max) break;
    reply.sizes.push_back(static_cast<std::uint32_t>(op.size()));
    entries += op;
  }
  reply.payload = Bytes::of(std::move(entries));
}

Task<SegmentCursor> ShippingService::cursor_at(std::uint64_t index, std::string route) {
  const LogStore::Segment segment = log_.segment_of(index);
  std::optional<SegmentCursor> kept = std::exchange(shadows_[route].cursor, std::nullopt);
  if (kept && kept->first() == segment.first && kept->next() == index) co_return std::move(*kept);
  PROBE("a shadow began to read in a segment file");
  Task<SegmentCursor> opening = SegmentCursor::open(disk_, segment, log_.cluster());
  Result<SegmentCursor> opened = co_await std::move(opening).outcome();
  if (!opened && opened.error().code == Code::not_found)
    co_await fail(Code::unavailable, "entry {} of the log is being removed", index);
  SegmentCursor cursor = co_await std::move(opened);
  co_await cursor.skip_to(index, endpoint_->executor());
  co_return cursor;
}

Task<bus::ShipLog::Reply> ShippingService::tell_older(bus::ShipLog::Reply reply, bus::ShipLog ask, std::string route) {
  co_await check_reads();
  Reading reading(reads_);
  reply.first = ask.after + 1;
  // Of one segment: the next question goes on in the next one.
  const std::uint64_t through = std::min(log_.segment_of(reply.first).last, recent_.last());
  SegmentCursor cursor = co_await cursor_at(reply.first, route);
  SegmentCursor::Bounds bounds{through, std::min<std::size_t>(ask.bytes, kBytesMax), kEntriesMax};
  Result<std::vector<Bytes>> ops = co_await cursor.read(bounds).outcome();
  if (!ops) log::write_limited(log::Level::error, "log_not_shipped", {{"why", ops.error().text()}});
  if (!ops) co_await fail(std::move(ops));
  std::string entries;
  for (const Bytes& op : *ops) {
    reply.sizes.push_back(static_cast<std::uint32_t>(op.size()));
    entries += op.view();
  }
  reply.payload = Bytes::of(std::move(entries));
  shadows_[route].cursor = std::move(cursor);
  co_return reply;
}

Task<bus::FetchCheckpoint::Reply> ShippingService::fetch(bus::FetchCheckpoint ask, bus::Caller caller) {
  co_await admit(caller.peer.text());
  bus::FetchCheckpoint::Reply reply;
  reply.epoch = settings_.epoch;
  reply.index = ask.index != 0 ? ask.index : checkpointer_.last().index;
  if (reply.index == 0) co_return reply;
  co_await check_reads();
  Reading reading(reads_);
  Result<std::shared_ptr<File>> file = co_await checkpoints_.file(reply.index).outcome();
  if (!file && file.error().code == Code::not_found)
    co_await fail(Code::not_found, "the checkpoint of index {} is not there any more", reply.index);
  std::shared_ptr<File> there = co_await std::move(file);
  reply.size = co_await there->size();
  if (ask.offset > reply.size)
    co_await fail(Code::invalid_argument, "the checkpoint of index {} has {} bytes, not {}", reply.index, reply.size,
                  ask.offset);
  reply.payload = co_await there->read(ask.offset, kCheckpointPiece);
  co_return reply;
}

}  // namespace gfs::master
