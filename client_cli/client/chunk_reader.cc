#include "client_cli/client/chunk_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "bus/messages/client_chunk.h"
#include "client_cli/client/fragments.h"

namespace gfs::client {

namespace {

constexpr std::uint32_t kPage = 16;          // layouts asked for at a time, to read
constexpr std::uint32_t kPageBack = 256;     // and to look for the last byte
constexpr Duration kLengthDeadline = 500ms;  // of one try to learn a length

bool at_fault(Code code) { return code == Code::unreachable || code == Code::lost_link || code == Code::deadline; }

}  // namespace

Bytes zeros(std::uint64_t size) {
  static const Bytes kZeros = Bytes::of(std::string(kFragmentMax, '\0'));
  return size <= kFragmentMax ? kZeros.slice(0, size) : Bytes::of(std::string(size, '\0'));
}

Bytes extended(Bytes bytes, std::uint64_t size) {
  if (bytes.size() == size) return bytes;
  if (bytes.empty()) return zeros(size);
  std::string longer(bytes.view());
  longer.resize(size, '\0');
  return Bytes::of(std::move(longer));
}

Task<Bytes> ChunkReader::read(ChunkAt at, std::uint64_t offset, std::uint64_t size, Instant deadline) {
  Committed got = co_await read_committed(std::move(at), offset, size, deadline);
  co_return extended(std::move(got.bytes), size);
}

Task<ChunkReader::Committed> ChunkReader::read_committed(ChunkAt at, std::uint64_t offset, std::uint64_t size,
                                                         Instant deadline) {
  Attempts attempts(fmt::format("read of {} bytes at {} of {}", size, offset, at.text()));
  Backoff backoff;
  InARow in_a_row;
  ChunkVersion version;
  std::set<ServerId> damaged;  // of this handle
  for (bool first_round = true;; first_round = false) {
    Result<bus::ChunkLayout> layout = co_await locate(at, deadline).outcome();
    if (!layout) {
      attempts.failed("master", layout.error());
      co_await fail(attempts.give_up(layout.error()));
    }
    if (layout->handle.value == 0) co_return Committed{};
    if (layout->sealed && offset >= layout->length) co_return Committed{{}, true, layout->handle, layout->version};
    const ChunkVersion before = std::exchange(version, version_of(*layout));
    if (version > before) in_a_row.forward();
    if (version.handle != before.handle) damaged.clear();
    Error last{Code::unavailable, fmt::format("chunk {} has no replica at the moment", layout->handle), {}};
    bool may_recover = layout->members.empty();
    bool only_old_layout = false, unsure = false;
    std::vector<bus::Member> members = context_.replicas.order(*layout, context_.executor.now());
    const bool bad = std::erase_if(members, [&](const bus::Member& one) { return damaged.contains(one.server); }) > 0;
    if (bad) last = {Code::corrupt, fmt::format("chunk {}: every replica that answers is damaged", layout->handle), {}};
    while (!members.empty() && context_.executor.now() < deadline) {
      std::optional<bus::Member> second;
      if (members.size() > 1) second = members[1];
      std::vector<Tried> tries =
          co_await read_hedged(members.front(), std::move(second), at, *layout, offset, size, deadline);
      for (Tried& one : tries) {
        std::erase_if(members, [&](const bus::Member& other) { return other.server == one.member.server; });
        if (one.got) {
          Result<> here = co_await check_still_here(at, *layout, one.got->version, deadline).outcome();
          if (here) co_return std::move(*one.got);
          one.got = fail(std::move(here));
        }
        attempts.failed(server_text(one.member), one.got.error());
        last = std::move(one.got).error();
        if (last.code == Code::corrupt) {
          damaged.insert(one.member.server);
          log::write_limited(log::Level::warn, "replica_damaged",
                             {{"server", one.member.server}, {"chunk", layout->handle}, {"reason", last.message}});
        } else {
          Rule rule = rule_of(Trying::read, last.code);
          may_recover = may_recover || rule.change != Change::give_up;
          bool again = in_a_row.again(last.code, rule);
          if (rule.change != Change::give_up && !again) co_await fail(attempts.give_up(last));
        }
        unsure = unsure || last.code == Code::unavailable;
        only_old_layout = only_old_layout || last.code == Code::stale_version || last.code == Code::not_found;
      }
    }
    if (layout->members.empty()) attempts.failed("master", last);
    context_.layouts.drop(at.inode, at.index, version);
    bool pause = !(first_round && only_old_layout);
    Duration wait = pause ? backoff.next(context_.random) : Duration::zero();
    bool all_damaged = !may_recover && !first_round;  // asking for the layout again has shown nobody new
    bool hopeless = !may_recover && damaged.empty();
    if (all_damaged || hopeless || context_.executor.now() + wait >= deadline) co_await fail(attempts.give_up(last));
    if (pause) co_await context_.executor.sleep(wait);
    Instant soon = std::min(deadline, context_.executor.now() + context_.settings.call_deadline);
    if (unsure) (void)co_await make_active(at, attempts, soon).outcome();
  }
}

namespace {

// Two reads side by side.
template <class T>
struct Race {
  std::optional<Result<T>> first, second;
  bool both = false;  // were begun
  std::optional<Promise<void>> waiter;

  bool over() const {
    if ((first && *first) || (second && *second)) return true;
    return first && (!both || second);
  }
  void end(std::optional<Result<T>>& slot, Result<T> result) {
    slot = std::move(result);
    if (!over() || !waiter) return;
    Promise<void> waiting = std::move(*waiter);
    waiter.reset();
    waiting.set({});
  }
  // `race` outlives it.
  static Task<> wait(Race* race) {
    if (race->over()) co_return;
    Promise<void> promise;
    Future<void> future = promise.future();
    race->waiter = std::move(promise);
    co_await std::move(future);
  }
};

}  // namespace

Task<std::vector<ChunkReader::Tried>> ChunkReader::read_hedged(bus::Member first, std::optional<bus::Member> second,
                                                               ChunkAt at, bus::ChunkLayout layout,
                                                               std::uint64_t offset, std::uint64_t size,
                                                               Instant deadline) {
  std::vector<Tried> tried;
  if (!second) {
    Result<Committed> got = co_await read_from(first, at, layout, offset, size, deadline).outcome();
    tried.push_back({std::move(first), std::move(got)});
    co_return tried;
  }
  Race<Committed> race;
  TaskGroup group;  // whoever is overtaken ends with it
  group.spawn(read_from(first, at, layout, offset, size, deadline),
              [&race](Result<Committed> got) { race.end(race.first, std::move(got)); });
  const Instant patience = std::min(deadline, context_.executor.now() + context_.hedges.after());
  Task<> first_alone = Race<Committed>::wait(&race);
  (void)co_await with_deadline(context_.executor, patience, "the first replica", std::move(first_alone)).outcome();
  if (!race.over() && context_.hedges.take()) {
    race.both = true;
    group.spawn(read_from(*second, at, layout, offset, size, deadline),
                [&race](Result<Committed> got) { race.end(race.second, std::move(got)); });
  }
  co_await Race<Committed>::wait(&race);
  const bool overtaken = !race.first && race.second && *race.second;
  if (overtaken) context_.replicas.slow(first.server, context_.executor.now());
  if (race.second && *race.second) {
    tried.push_back({std::move(*second), std::move(*race.second)});
    co_return tried;
  }
  if (race.second) tried.push_back({std::move(*second), std::move(*race.second)});
  if (race.first) tried.push_back({std::move(first), std::move(*race.first)});
  co_return tried;
}

Task<ChunkReader::Committed> ChunkReader::read_from(bus::Member member, ChunkAt at, bus::ChunkLayout layout,
                                                    std::uint64_t offset, std::uint64_t size, Instant deadline) {
  const Instant begun = context_.executor.now();
  bus::ReadChunk ask{layout.handle, layout.version, offset, size, context_.master.on_shadow()};
  bus::Peer to = bus::Peer::at(member.control);
  Result<bus::ReadChunk::Reply> reply =
      co_await context_.endpoint.call(std::move(to), std::move(ask), context_.one_try(deadline)).outcome();
  if (!reply) {
    if (at_fault(reply.error().code)) context_.replicas.failed(member.server, context_.executor.now());
    co_await fail(std::move(reply));
  }
  context_.replicas.worked(member.server);
  context_.hedges.note(context_.executor.now() - begun);
  if (reply->payload.size() > size) {
    co_await fail(Code::malformed, "{} bytes came where {} were asked for", reply->payload.size(), size);
  }
  Result<> intact = verify_pieces(offset, reply->payload, reply->crcs);
  if (!intact) co_await fail(Code::corrupt, "chunk {}: {}", layout.handle, intact.error().message);
  if (reply->sealed && !layout.sealed) {
    context_.layouts.note_sealed(at.inode, at.index, version_of(layout), reply->length);
  }
  co_return Committed{std::move(reply->payload), reply->sealed, layout.handle,
                      std::max(layout.version, reply->version)};
}

Task<> ChunkReader::check_still_here(ChunkAt at, bus::ChunkLayout layout, Version version, Instant deadline) {
  if (version <= layout.version) co_return;
  Now now = co_await look_again(at, deadline);
  if (now.handle == layout.handle && now.version >= version) co_return;
  co_await fail(Code::stale_version, "chunk {} has version {} by now; {} is chunk {} version {}", layout.handle,
                version, at.text(), now.handle, now.version);
}

Task<ChunkReader::Now> ChunkReader::look_again(ChunkAt at, Instant deadline) {
  bus::LocateForRead::Reply page = co_await ask_page(at.inode, at.index, kPage, at.path, deadline);
  auto found = std::ranges::find(page.layout, at.index, &bus::ChunkLayout::index);
  Now now{{}, {}, page.chunks > at.index + std::uint64_t{1}};
  if (found != page.layout.end()) now.handle = found->handle;
  if (found != page.layout.end()) now.version = found->version;
  co_return now;
}

Task<bus::ChunkLayout> ChunkReader::locate(ChunkAt at, Instant deadline) {
  while (true) {
    std::optional<bus::ChunkLayout> cached =
        context_.layouts.find(at.inode, at.index, LayoutCache::Use::read, context_.executor.now());
    if (cached) co_return std::move(*cached);
    Task<bus::ChunkLayout> asking = ask_master(at, deadline);
    auto flight = context_.locating_to_read.join({at.inode, at.index, context_.layouts.question()}, std::move(asking));
    std::string what = "locating " + at.text();
    Result<bus::ChunkLayout> located =
        co_await with_deadline(context_.executor, deadline, std::move(what), std::move(flight.landing)).outcome();
    if (located || !context_.may_fly_again(flight.own, located.error().code, deadline)) co_return std::move(located);
  }
}

Task<bus::ChunkLayout> ChunkReader::ask_master(ChunkAt at, Instant deadline) {
  bus::LocateForRead::Reply reply = co_await ask_page(at.inode, at.index, kPage, at.path, deadline);
  for (bus::ChunkLayout& layout : reply.layout) {
    if (layout.index == at.index) co_return std::move(layout);
  }
  bus::ChunkLayout hole;
  hole.index = at.index;
  co_return hole;
}

Task<bus::LocateForRead::Reply> ChunkReader::ask_page(InodeId inode, std::uint32_t first, std::uint32_t count,
                                                      std::string path, Instant deadline, MasterClient::Who who) {
  const LayoutCache::Question question = context_.layouts.question();
  bus::LocateForRead ask{inode, first, count};
  bus::LocateForRead::Reply reply =
      co_await context_.master.ask(std::move(ask), "locating chunks of " + path, deadline, who);
  Instant now = context_.executor.now();
  std::set<std::uint32_t> holes;
  for (std::uint32_t i = first; i < reply.chunks && i - first < count; ++i) holes.insert(i);
  for (const bus::ChunkLayout& layout : reply.layout) {
    if (layout.index < first || layout.index - first >= count) continue;
    context_.layouts.put(inode, layout, LayoutCache::Use::read, question, now);
    holes.erase(layout.index);
  }
  for (std::uint32_t index : holes) {
    bus::ChunkLayout hole;
    hole.index = index;
    context_.layouts.put(inode, hole, LayoutCache::Use::read, question, now);
  }
  co_return reply;
}

Task<std::uint64_t> ChunkReader::current_size(InodeId inode, std::string path, std::uint32_t chunks_hint, For purpose,
                                              Instant deadline) {
  Attempts attempts("size of " + path);
  Backoff backoff;
  Duration patience = kLengthDeadline;
  std::optional<bus::LocateForRead::Reply> page;
  std::uint32_t first = chunks_hint > 0 ? chunks_hint - 1 : 0;  // of the page
  std::uint32_t count = kPage;
  std::uint32_t chunks = UINT32_MAX;  // those behind hold nothing
  bool again = false;
  const MasterClient::Who who = purpose == For::writing ? MasterClient::Who::master : MasterClient::Who::anybody;
  while (true) {
    if (!page) {
      Result<bus::LocateForRead::Reply> asked = co_await ask_page(inode, first, count, path, deadline, who).outcome();
      if (!asked) {
        attempts.failed("master", asked.error());
        co_await fail(attempts.give_up(asked.error()));
      }
      page = std::move(*asked);
      chunks = std::min(chunks, page->chunks);
    }
    if (page->size >= chunks * context_.master.chunk_size()) co_return page->size;
    std::uint32_t last = chunks - 1;
    if (last < first || last - first >= count) {
      count = kPageBack;
      first = last - std::min(last, count - 1);
      page.reset();
      continue;
    }
    auto layout = std::ranges::find(page->layout, last, &bus::ChunkLayout::index);
    if (layout == page->layout.end()) {
      chunks = last;
      continue;
    }
    const bool stale_ok = purpose != For::writing && context_.master.on_shadow();
    Result<std::uint64_t> length =
        co_await length_of({inode, last, path}, *layout, stale_ok, patience, attempts, deadline).outcome();
    if (length && *length > 0) co_return std::max(page->size, last * context_.master.chunk_size() + *length);
    if (length) {
      chunks = last;
      continue;
    }
    if (purpose == For::stat) {
      if (std::exchange(again, true)) co_return page->size;
    } else {
      Duration wait = backoff.next(context_.random);
      if (context_.executor.now() + wait >= deadline) co_await fail(attempts.give_up(length.error()));
      co_await context_.executor.sleep(wait);
      patience = context_.settings.call_deadline;  // slow is no reason to fail
    }
    bool unsure = !length.error().why.empty();
    if (purpose == For::writing || (purpose == For::reading && unsure)) {
      Instant soon = std::min(deadline, context_.executor.now() + context_.settings.call_deadline);
      Instant until = purpose == For::writing ? deadline : soon;
      Result<> active = co_await make_active({inode, last, path}, attempts, until).outcome();
      if (!active && purpose == For::writing) co_await fail(attempts.give_up(length.error()));
    }
    first = last;
    count = kPage;
    page.reset();
  }
}

Task<> ChunkReader::make_active(ChunkAt at, Attempts& attempts, Instant deadline) {
  bus::MakeReadable ask{at.inode, at.index};
  std::string what = "making " + at.text() + " active";
  Result<bus::Done> active =
      co_await context_.master.ask(std::move(ask), std::move(what), deadline, MasterClient::Who::master).outcome();
  if (!active) attempts.failed("master", active.error());
  if (!active) co_await fail(std::move(active));
}

Task<std::uint64_t> ChunkReader::length_of(ChunkAt at, bus::ChunkLayout layout, bool stale_ok, Duration patience,
                                           Attempts& attempts, Instant deadline) {
  std::vector<bus::Member> members = context_.replicas.order(layout, context_.executor.now());
  auto primary = std::ranges::find(members, layout.primary, &bus::Member::server);
  if (primary != members.end() && primary->up) std::rotate(members.begin(), primary, primary + 1);
  std::size_t without = 0;
  bool unsure = false;
  for (const bus::Member& member : members) {
    bus::ChunkLength ask{layout.handle, layout.version, stale_ok};
    bus::Peer to = bus::Peer::at(member.control);
    bus::CallOptions options = context_.one_try(deadline);
    options.deadline = std::min(options.deadline, patience);
    Result<bus::ChunkLength::Reply> reply =
        co_await context_.endpoint.call(std::move(to), std::move(ask), options).outcome();
    if (reply && reply->length <= context_.master.chunk_size()) {
      co_await check_still_here(at, layout, reply->version, deadline);
      co_return reply->length;
    }
    if (reply) {
      reply = fail(Code::malformed, "chunk {} is said to be {} bytes long", layout.handle, reply->length);
    }
    attempts.failed(server_text(member), reply.error());
    if (at_fault(reply.error().code)) context_.replicas.failed(member.server, context_.executor.now());
    if (reply.error().code == Code::not_found) ++without;
    if (reply.error().code == Code::unavailable) unsure = true;
  }
  // A chunk that was placed and never active is held by nobody, and nothing on it was ever acknowledged. One member
  // that does not have it may have lost it; all of them together have not.
  if (!members.empty() && without == members.size()) co_return std::uint64_t{0};
  Error unknown{Code::unavailable, fmt::format("no replica of chunk {} told its length", layout.handle), {}};
  if (unsure) unknown.why.push_back({"chunk " + hex(layout.handle), "how far it is committed is not known"});
  if (members.empty()) attempts.failed("master", unknown);
  co_return fail(std::move(unknown));
}

}  // namespace gfs::client
