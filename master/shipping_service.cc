#include "master/shipping_service.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"

namespace gfs::master {

namespace {

constexpr Duration kWaitMax = 10s;
constexpr std::size_t kQuestionsMax = 2;  // kept, for each shadow
constexpr std::size_t kCheckpointPiece = 512 << 10;

}  // namespace

void ShippingService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&ShippingService::ship>(*this);
  endpoint.serve<&ShippingService::fetch>(*this);
}

Result<std::shared_ptr<EntryReader>> ShippingService::admit(const bus::Caller& caller) {
  if (std::shared_ptr<EntryReader> shadow = shadows_.admit(caller.peer.text(), now())) return shadow;
  return fail(Code::overloaded, "{} shadows follow this master already", shadows_.count(now()));
}

Task<bus::ShipLog::Reply> ShippingService::ship(bus::ShipLog ask, bus::Caller caller) {
  const std::shared_ptr<EntryReader> shadow = co_await admit(caller);
  bus::ShipLog::Reply reply;
  reply.epoch = settings_.epoch;
  reply.term = log_.term();
  const bool same_log = ask.epoch == 0 || ask.epoch == settings_.epoch;
  if (same_log && entries_.reaches(ask.after)) {
    reply.other = !co_await is_same(ask, shadow);
    if (!reply.other && ask.after == recent_.last()) {
      if (recent_.waiting() >= kQuestionsMax * settings_.shadows_max)
        co_await fail(Code::overloaded, "{} shadows wait for the log already", recent_.waiting());
      const Instant began = now();
      const Duration patience = std::min<Duration>(kWaitMax, std::chrono::milliseconds(ask.wait_ms));
      co_await recent_.wait(ask.after, patience);
      reply.waited_ms = static_cast<std::uint32_t>(to_ms(now() - began));
    }
    if (!reply.other && ask.after < recent_.last() && entries_.reaches(ask.after)) {
      LogEntries::Piece piece = co_await entries_.behind(ask.after, ask.bytes, shadow);
      reply.first = piece.first;
      reply.sizes = std::move(piece.sizes);
      reply.payload = std::move(piece.payload);
    }
  }
  reply.oldest = log_.first_index();
  reply.last = recent_.last();
  co_return reply;
}

Task<bool> ShippingService::is_same(bus::ShipLog ask, std::shared_ptr<EntryReader> shadow) {
  if (ask.digest == 0 || ask.after == 0) co_return true;
  const bool recent = recent_.has(ask.after);
  // Older ones are compared once for each connection: in between no other log can have come to be.
  if (!recent && (shadow->checked || ask.after < log_.first_index())) co_return true;
  Bytes entry = co_await entries_.entry(ask.after, shadow);
  shadow->checked = shadow->checked || !recent;
  co_return crc32c(entry.view()) == ask.digest;
}

Task<bus::FetchCheckpoint::Reply> ShippingService::fetch(bus::FetchCheckpoint ask, bus::Caller caller) {
  (void)co_await admit(caller);
  bus::FetchCheckpoint::Reply reply;
  reply.epoch = settings_.epoch;
  reply.index = ask.index != 0 ? ask.index : checkpointer_.last().index;
  if (reply.index == 0) co_return reply;
  LogEntries::Reading reading = co_await entries_.begin_reading();
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
