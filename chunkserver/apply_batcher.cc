#include "chunkserver/apply_batcher.h"

#include <algorithm>
#include <iterator>

namespace gfs::chunkserver {

Task<bus::ApplyWrite::Reply> ApplyBatcher::apply(bus::Address to, bus::ApplyWrite ask) {
  Promise<bus::ApplyWrite::Reply> promise;
  Future<bus::ApplyWrite::Reply> reply = promise.future();
  waiting_[std::move(to)].push_back({std::move(ask), std::move(promise)});
  if (flush_ == 0) flush_ = endpoint_.executor().after(Duration::zero(), [this] { flush(); });
  co_return co_await std::move(reply);
}

void ApplyBatcher::flush() {
  flush_ = 0;
  std::map<bus::Address, std::vector<Order>> waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& [to, orders] : waiting) {
    for (auto first = orders.begin(); first != orders.end();) {
      std::uint64_t bytes = first->ask.payload.size();
      auto end = std::next(first);
      while (end != orders.end() && end - first < static_cast<std::ptrdiff_t>(kOrdersMax) &&
             bytes + end->ask.payload.size() <= kBytesMax) {
        bytes += (end++)->ask.payload.size();
      }
      std::vector<Order> batch(std::make_move_iterator(first), std::make_move_iterator(end));
      tasks_.spawn(send(to, std::move(batch)));
      first = end;
    }
  }
}

Task<> ApplyBatcher::send(bus::Address to, std::vector<Order> orders) {
  std::vector<Order> sent = std::move(orders);
  bus::CallOptions options;
  options.deadline = deadline_;
  if (sent.size() == 1) {
    Result<bus::ApplyWrite::Reply> reply =
        co_await endpoint_.call(bus::Peer::at(to), std::move(sent.front().ask), options).outcome();
    sent.front().reply.set(std::move(reply));
    co_return;
  }
  bus::ApplyBatch batch;
  std::string bytes;
  std::vector<Serial> serials;
  for (Order& order : sent) {
    batch.sizes.push_back(static_cast<std::uint32_t>(order.ask.payload.size()));
    bytes.append(order.ask.payload.view());
    serials.push_back(order.ask.serial);
    order.ask.payload = {};
    batch.orders.push_back(std::move(order.ask));
  }
  batch.payload = Bytes::of(std::move(bytes));
  Result<bus::ApplyBatch::Reply> reply =
      co_await endpoint_.call(bus::Peer::at(to), std::move(batch), options).outcome();
  const bool whole = reply && reply->lengths.size() == sent.size() && reply->codes.size() == sent.size() &&
                     reply->texts.size() == sent.size();
  if (reply && !whole)
    reply = fail(Code::malformed, "{} answered {} of {} orders", to, reply->codes.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (!reply) {
      sent[i].reply.set(fail(reply.error()));
    } else if (reply->codes[i] != 0) {
      sent[i].reply.set(fail(Error{static_cast<Code>(reply->codes[i]), std::move(reply->texts[i]), {}}));
    } else {
      sent[i].reply.set(bus::ApplyWrite::Reply{serials[i], reply->lengths[i]});
    }
  }
}

}  // namespace gfs::chunkserver
