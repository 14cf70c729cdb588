#include "client_cli/client/chunk_writer.h"

#include <algorithm>

#include "client_cli/client/fragments.h"
#include "client_cli/client/push.h"

namespace gfs::client {

namespace {

Task<> until_cleared(WriteFloors::Wanted& wanted) {
  while (wanted.must_wait()) co_await wanted.cleared();
}

}  // namespace

// What is kept from one try to the next.
struct ChunkWriter::Story {
  ChunkAt at;
  Instant deadline;
  Attempts attempts;
  Backoff backoff;
  InARow in_a_row;
  bus::ChunkLayout layout;  // of the latest try
  ChunkVersion failed;      // the master shall look again after this one
  ServerId unreachable;     // and at this server
  unsigned first_hop = 0;   // how far down the list of members the push begins
  unsigned starved = 0;     // tries in a row of which the bytes did not come to the primary
};

Result<bus::Member> primary_of(const bus::ChunkLayout& layout) {
  for (const bus::Member& member : layout.members) {
    if (member.server == layout.primary) return member;
  }
  return fail(Code::unavailable, "chunk {} version {} has {} members and no primary at the moment", layout.handle,
              layout.version, layout.members.size());
}

Task<ChunkHandle> ChunkWriter::write(ChunkAt at, std::uint64_t offset, Bytes bytes, Instant deadline) {
  RequestId id = context_.master.next_request();
  WriteFloors::Wanted wanted(context_.floors, {at.inode, at.index}, id.sequence);
  if (wanted.must_wait()) {
    Result<> alone =
        co_await with_deadline(context_.executor, deadline, "older writes", until_cleared(wanted)).outcome();
    if (!alone) {
      co_await fail(Code::unavailable, "write of {} bytes at {} of {}: older writes to the chunk have no outcome yet",
                    bytes.size(), offset, at.text());  // nothing of it was sent
    }
  }
  Result<ChunkHandle> written =
      co_await write_as(id, wanted, std::move(at), offset, std::move(bytes), deadline).outcome();
  if (written || written.error().outcome() == Outcome::did_not_happen) wanted.decided();
  co_return std::move(written);
}

Task<ChunkHandle> ChunkWriter::write_as(RequestId id, WriteFloors::Wanted& wanted, ChunkAt at, std::uint64_t offset,
                                        Bytes bytes, Instant deadline) {
  bus::PushFragment fragment;
  fragment.id = id;
  fragment.offset = offset;
  fragment.crcs = piece_checksums(offset, bytes);
  fragment.payload = bytes;
  std::uint32_t digest = digest_of(fragment.crcs);
  Story story{at, deadline, Attempts(fmt::format("write of {} bytes at {} of {}", bytes.size(), offset, at.text()))};
  while (true) {
    bus::Member primary = co_await next_primary(story);
    std::vector<bus::Member> chain = context_.replicas.order(story.layout, context_.executor.now());
    std::ranges::rotate(chain, chain.begin() + story.first_hop % static_cast<unsigned>(chain.size()));
    fragment.handle = story.layout.handle;
    Result<> pushed = push(context_.endpoint, chain, fragment);
    if (!pushed) {
      story.attempts.failed(server_text(chain.front()), pushed.error());
      ++story.first_hop;
      Error not_pushed = std::move(pushed).error();
      co_await recover(story, std::move(not_pushed), chain.front().server);
      continue;
    }
    const std::uint64_t floor = context_.settings.mutant == "floor_never_raised" ? 0 : wanted.floor();
    bus::WriteChunk order{story.layout.handle, story.layout.version, offset, bytes.size(), digest, floor};
    bus::Peer to = bus::Peer::at(primary.control);
    bus::CallOptions options = context_.one_try(deadline, id);
    wanted.sent();
    Result<bus::WriteChunk::Reply> written =
        co_await context_.endpoint.call(std::move(to), std::move(order), options).outcome();
    if (written) co_return story.layout.handle;
    story.attempts.failed_with_effect(server_text(primary), written.error());
    Error refused = std::move(written).error();
    co_await recover(story, std::move(refused), primary.server);
  }
}

Task<std::optional<std::uint64_t>> ChunkWriter::sync(ChunkAt at, ChunkHandle written, Instant deadline) {
  Story story{at, deadline, Attempts(fmt::format("sync of {}", at.text()))};
  while (true) {
    story.failed = std::max(story.failed, ChunkVersion{written, {}});
    std::optional<bus::ChunkLayout> known =
        context_.layouts.find(at.inode, at.index, LayoutCache::Use::write, context_.executor.now());
    bool to_read = false;
    if (!known || version_of(*known) <= story.failed) {
      // Locating it for writing would make one that was cut off anew, and copy one that is shared.
      Result<std::optional<bus::ChunkLayout>> there = co_await look(at, deadline).outcome();
      if (!there) {
        story.attempts.failed("master", there.error());
        co_await fail(story.attempts.give_up(there.error()));
      }
      known = std::move(*there);
      if (!known) co_return std::nullopt;
      to_read = version_of(*known) > story.failed && primary_of(*known);
    }
    if (to_read) story.layout = std::move(*known);
    bus::Member primary = to_read ? *primary_of(story.layout) : co_await next_primary(story);
    bus::SyncChunk ask{story.layout.handle, story.layout.version};
    bus::Peer to = bus::Peer::at(primary.control);
    Result<bus::SyncChunk::Reply> synced =
        co_await context_.endpoint.call(std::move(to), std::move(ask), context_.one_try(deadline)).outcome();
    if (synced) co_return synced->length;
    story.attempts.failed_with_effect(server_text(primary), synced.error());
    Error refused = std::move(synced).error();
    co_await recover(story, std::move(refused), primary.server);
  }
}

Task<std::optional<bus::ChunkLayout>> ChunkWriter::look(ChunkAt at, Instant deadline) {
  bus::LocateForRead ask{at.inode, at.index, 1};
  std::string what = "looking for " + at.text();
  bus::LocateForRead::Reply page =
      co_await context_.master.ask(std::move(ask), std::move(what), deadline, MasterClient::Who::master);
  auto found = std::ranges::find(page.layout, at.index, &bus::ChunkLayout::index);
  if (found == page.layout.end()) co_return std::nullopt;
  co_return std::move(*found);
}

Task<bus::Member> ChunkWriter::next_primary(Story& story) {
  while (true) {
    Result<bus::ChunkLayout> located =
        co_await locate(story.at, story.failed, story.unreachable, story.deadline).outcome();
    if (!located) {
      story.attempts.failed("master", located.error());
      co_await fail(story.attempts.give_up(located.error()));
    }
    if (version_of(*located) > version_of(story.layout)) story.in_a_row.forward();
    story.layout = std::move(*located);
    story.failed = {};
    story.unreachable = {};
    Result<bus::Member> primary = primary_of(story.layout);
    if (primary) co_return std::move(*primary);
    story.attempts.failed("master", primary.error());
    Error no_primary = std::move(primary).error();
    co_await recover(story, std::move(no_primary));
  }
}

Task<> ChunkWriter::recover(Story& story, Error error, ServerId server) {
  Rule rule = rule_of(Trying::write, error.code);
  bool again = story.in_a_row.again(error.code, rule, server == story.layout.primary ? server : ServerId{});
  if (rule.change != Change::first_hop) story.starved = 0;
  switch (rule.change) {
    case Change::first_hop:
      ++story.first_hop;
      // By no way: it hears us, and what is large does not get there.
      if (++story.starved % std::max<std::size_t>(story.layout.members.size(), 1) == 0) {
        story.failed = version_of(story.layout);
        story.unreachable = server;
      }
      break;
    case Change::primary:
      story.failed = version_of(story.layout);
      story.unreachable = server;
      break;
    case Change::layout:
    case Change::room:
      story.failed = version_of(story.layout);
      break;
    default:
      break;
  }
  if (story.failed.handle.value != 0) context_.layouts.drop(story.at.inode, story.at.index, story.failed);
  Duration wait = story.backoff.before_next(rule.pause, context_.random);
  if (!again || context_.executor.now() + wait >= story.deadline) co_await fail(story.attempts.give_up(error));
  if (wait > Duration::zero()) co_await context_.executor.sleep(wait);
}

Task<bus::ChunkLayout> ChunkWriter::locate(ChunkAt at, ChunkVersion failed, ServerId unreachable, Instant deadline) {
  while (true) {
    std::optional<bus::ChunkLayout> cached =
        context_.layouts.find(at.inode, at.index, LayoutCache::Use::write, context_.executor.now());
    if (cached && version_of(*cached) > failed) co_return std::move(*cached);
    Task<bus::ChunkLayout> asking = ask_master(at, failed, unreachable, deadline);
    auto flight = context_.locating_to_write.join({at.inode, at.index, failed}, std::move(asking));
    std::string what = "locating " + at.text();
    Result<bus::ChunkLayout> located =
        co_await with_deadline(context_.executor, deadline, std::move(what), std::move(flight.landing)).outcome();
    if (located || !context_.may_fly_again(flight.own, located.error().code, deadline)) co_return std::move(located);
  }
}

Task<bus::ChunkLayout> ChunkWriter::ask_master(ChunkAt at, ChunkVersion failed, ServerId unreachable,
                                               Instant deadline) {
  const LayoutCache::Question question = context_.layouts.question();
  bus::LocateForWrite ask{at.inode, at.index, failed.version, unreachable};
  bus::ChunkLayout layout =
      co_await context_.master.change_aside(std::move(ask), "locating " + at.text() + " for writing", deadline);
  if (layout.index != at.index || layout.handle.value == 0 || layout.version.value == 0) {
    co_await fail(Code::malformed, "the master answered chunk {} handle {} version {} for {}", layout.index,
                  layout.handle, layout.version, at.text());
  }
  context_.layouts.put(at.inode, layout, LayoutCache::Use::write, question, context_.executor.now());
  co_return layout;
}

}  // namespace gfs::client
