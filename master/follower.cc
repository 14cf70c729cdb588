#include "master/follower.h"

#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "base/log.h"
#include "base/probe.h"
#include "bus/retry.h"
#include "master/frozen_state.h"

namespace gfs::master {

namespace {

constexpr bus::Retry kPauses{bus::Retry::Kind::jittered, 100ms, 2s, 0};
constexpr std::uint32_t kBytesAtOnce = 1 << 20;
constexpr std::uint64_t kBlock = 64 << 10;
constexpr std::uint64_t kChunkMax = std::uint64_t{64} << 30;

// The master may be there again, or have time, a moment later.
bool may_pass(Code code) {
  switch (code) {
    case Code::unreachable:
    case Code::lost_link:
    case Code::deadline:
    case Code::expired:
    case Code::overloaded:
    case Code::unavailable:
    case Code::shutting_down:
    case Code::cancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string Follower::lack() const {
  if (!last_error_.empty()) return last_error_;
  if (!state_ && to_fetch_ > 0) return fmt::format("{} of {} bytes of a checkpoint are here", fetched_, to_fetch_);
  if (state_ && goal_ > 0) return fmt::format("{} of {} entries of the log are here", index_, goal_);
  return "it has just begun";
}

Task<> Follower::run() {
  int attempt = 0;
  while (true) {
    const std::uint64_t before = answers_;
    Result<> ended = co_await follow().outcome();
    if (answers_ != before) attempt = 0;
    Error error = std::move(ended).error();  // it does not end without one
    // The cluster that we name is not the one that the master has.
    if (error.code == Code::wrong_cluster && !endpoint_.cluster().nil()) error = begin_anew(error.message).error();
    note_failure(error);
    co_await endpoint_.executor().sleep(kPauses.delay(attempt++, endpoint_.random()));
  }
}

void Follower::note_failure(const Error& error) {
  last_error_ = error.text();
  if (std::exchange(failing_, true)) return;
  log::warn("master_not_followed", {{"master", settings_.master}, {"index", index_}, {"why", last_error_}});
}

Task<> Follower::follow() {
  if (endpoint_.cluster().nil()) co_await greet();
  if (!state_) co_await load_checkpoint();
  while (true) co_await step();
}

Task<> Follower::greet() {
  bus::Hello hello{"gfs-master " GFS_VERSION};
  bus::CallOptions options{settings_.call_deadline};
  bus::Peer master = bus::Peer::at(settings_.master);
  bus::Hello::Reply reply = co_await endpoint_.call(std::move(master), std::move(hello), options);
  const bool sound = reply.chunk_size > 0 && reply.chunk_size <= kChunkMax && reply.chunk_size % kBlock == 0;
  if (reply.cluster.nil() || !sound) {
    co_await fail(Code::malformed, "{} says cluster {} and chunks of {} bytes", settings_.master, reply.cluster,
                  reply.chunk_size);
  }
  ++answers_;
  chunk_size_ = reply.chunk_size;
  endpoint_.set_cluster(reply.cluster);
}

std::unexpected<Error> Follower::begin_anew(std::string why) {
  log::warn("shadow_begins_anew", {{"master", settings_.master}, {"index", index_}, {"why", why}});
  endpoint_.set_cluster({});
  state_.reset();
  caught_up_ = false;
  known_at_ = now();
  index_ = epoch_ = term_ = goal_ = digest_ = 0;
  ++times_begun_anew_;
  return fail(Code::conflict, "it begins anew: {}", why);
}

Task<> Follower::step() {
  bus::ShipLog ask{epoch_, index_, digest_, kBytesAtOnce, static_cast<std::uint32_t>(to_ms(settings_.wait))};
  bus::CallOptions options{settings_.wait + settings_.call_deadline};
  bus::Peer master = bus::Peer::at(settings_.master);
  const Instant asked = now();
  bus::ShipLog::Reply reply = co_await endpoint_.call(std::move(master), std::move(ask), options);
  co_await check(reply);
  ++answers_;
  epoch_ = reply.epoch;
  term_ = reply.term;
  goal_ = reply.last;
  if (index_ + 1 < reply.oldest) {
    co_await load_checkpoint();
    co_return;
  }
  co_await apply(reply);
  last_error_.clear();
  if (index_ != reply.last) co_return;
  // It was said at this time, or later.
  known_at_ = std::min(asked + std::chrono::milliseconds(reply.waited_ms), now());
  if (!caught_up_ || failing_) log::info("master_followed", {{"master", settings_.master}, {"index", index_}});
  caught_up_ = true;
  failing_ = false;
}

Result<> Follower::check(const bus::ShipLog::Reply& reply) {
  if (epoch_ != 0 && reply.epoch != epoch_)
    return begin_anew(fmt::format("the log's epoch is {}, and was {}", reply.epoch, epoch_));
  if (reply.last < index_)
    return begin_anew(fmt::format("the log ends with index {}, and index {} was told before", reply.last, index_));
  if (reply.other) return begin_anew(fmt::format("entry {} of the log is another one than was told before", index_));
  if (!reply.sizes.empty() && reply.first != index_ + 1)
    return begin_anew(fmt::format("entry {} was told where {} is the next one", reply.first, index_ + 1));
  return {};
}

Result<> Follower::apply(const bus::ShipLog::Reply& reply) {
  std::size_t at = 0;
  for (std::uint32_t size : reply.sizes) {
    if (size > reply.payload.size() - at) return fail(Code::malformed, "entry {} of the log is cut short", index_ + 1);
    const Bytes bytes = reply.payload.slice(at, size);
    if (size > 0) {
      Result<Op> op = decode_op(bytes);
      if (!op) {
        return fail(op.error().code, "entry {} of the log cannot be read (is the master a newer program?): {}",
                    index_ + 1, op.error().message);
      }
      state_->apply(*op, index_ + 1);
    }
    digest_ = crc32c(bytes.view());
    at += size;
    ++index_;
  }
  (void)state_->take_dropped();  // whoever still holds those is no business of a shadow
  return {};
}

Task<bus::FetchCheckpoint::Reply> Follower::fetch(std::uint64_t index, std::uint64_t offset) {
  for (int attempt = 0;; ++attempt) {
    bus::FetchCheckpoint ask{index, offset};
    bus::CallOptions options{settings_.call_deadline};
    bus::Peer master = bus::Peer::at(settings_.master);
    Result<bus::FetchCheckpoint::Reply> piece =
        co_await endpoint_.call(std::move(master), std::move(ask), options).outcome();
    if (!piece && !may_pass(piece.error().code)) co_await fail(std::move(piece));
    if (piece) {
      ++answers_;
      last_error_.clear();
      if (epoch_ != 0 && piece->epoch != epoch_)
        co_await begin_anew(fmt::format("the log's epoch is {}, and was {}", piece->epoch, epoch_));
      co_return std::move(*piece);
    }
    note_failure(piece.error());
    co_await endpoint_.executor().sleep(kPauses.delay(attempt, endpoint_.random()));
  }
}

Task<> Follower::load_checkpoint() {
  bus::FetchCheckpoint::Reply piece = co_await fetch(0, 0);
  if (piece.index == 0) {
    if (state_) co_await fail(Code::unavailable, "the log does not reach back to index {}", index_ + 1);
    state_.emplace(std::string_view(), chunk_size_);
    co_return;
  }
  log::info("shadow_fetches_checkpoint",
            {{"master", settings_.master}, {"index", piece.index}, {"bytes", piece.size}, {"from", index_}});
  StateLoader loader({}, chunk_size_);
  CheckpointDecoder decoder([&loader](PieceKind kind, std::string_view bytes) { return loader.add(kind, bytes); });
  const std::uint64_t index = piece.index, epoch = piece.epoch;
  to_fetch_ = piece.size;
  for (fetched_ = 0;;) {
    co_await decoder.feed(piece.payload.view());
    fetched_ += piece.payload.size();
    if (fetched_ >= to_fetch_) break;
    piece = co_await fetch(index, fetched_);
    if (piece.index != index || piece.epoch != epoch || piece.size != to_fetch_ || piece.payload.empty())
      co_await fail(Code::conflict, "the checkpoint of index {} became another one while it was fetched", index);
  }
  co_await decoder.finish();
  const CheckpointHeader& header = decoder.header();
  if (header.cluster != endpoint_.cluster() || header.epoch > epoch || header.index != index)
    co_await fail(Code::corrupt, "the checkpoint of index {} is not what it is called", index);
  epoch_ = epoch;
  co_await adopt(header, loader.finish());
}

Result<> Follower::adopt(const CheckpointHeader& header, Result<MasterState> loaded) {
  if (!loaded) return fail(std::move(loaded));
  if (loaded->index() != header.index || header.index < index_)
    return fail(Code::corrupt, "a checkpoint of index {} behind index {}", loaded->index(), index_);
  PROBE("a shadow began with a checkpoint");
  state_.emplace(std::move(*loaded));
  index_ = header.index;
  digest_ = 0;
  ++checkpoints_loaded_;
  return {};
}

}  // namespace gfs::master
