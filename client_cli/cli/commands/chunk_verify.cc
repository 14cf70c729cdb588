#include "client_cli/cli/chunk_comparison.h"
#include "client_cli/cli/chunk_handle.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

using Chunk = bus::ListChunks::Chunk;
using Held = bus::InspectChunk::Reply;

// A chunk that is being written differs from moment to moment: only what stays the same while it differs counts.
constexpr int kLooksMax = 20;
constexpr Duration kBetweenLooks = 250ms;

struct Looked {
  Chunk chunk;
  ChunkComparison found;
  std::uint64_t length = 0;
  bool moving = false;  // it never stood still
};

Task<Looked> look_once(Filesystem& filesystem, Chunk chunk) {
  std::vector<Task<Held>> asking;
  std::erase_if(chunk.members, [](const bus::ListChunks::Holder& holder) { return !holder.member; });  // old copies
  for (const bus::ListChunks::Holder& member : chunk.members) {
    asking.push_back(filesystem.inspect(member.address, chunk.handle, true));
  }
  std::vector<Result<Held>> held = co_await all_of(std::move(asking));
  std::vector<MemberHolds> members;
  Looked looked;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (held[i]) looked.length = std::max(looked.length, held[i]->length);
    members.push_back({chunk.members[i].address, std::move(held[i])});
  }
  looked.found = compare(members);
  looked.chunk = std::move(chunk);
  co_return looked;
}

// All looks at a chunk together have one operation's time.
Task<Looked> look(Executor& executor, Filesystem& filesystem, Chunk chunk, Instant deadline) {
  std::optional<Looked> before;
  for (int looks = 1;; ++looks) {
    std::string what = "looking at chunk " + hex(chunk.handle);
    Result<Looked> looked =
        co_await with_deadline(executor, deadline, std::move(what), look_once(filesystem, std::move(chunk))).outcome();
    if (!looked && !before) co_await fail(std::move(looked));
    if (!looked) {
      before->moving = true;
      co_return std::move(*before);
    }
    const ChunkComparison& found = looked->found;
    bool moves = !before || found.moving_between(before->found);
    if (!found.worth_another_look() || !moves) co_return std::move(*looked);
    looked->moving = true;
    if (looks == kLooksMax || executor.now() + kBetweenLooks >= deadline) co_return std::move(*looked);
    before = std::move(*looked);
    co_await executor.sleep(kBetweenLooks);
    bus::FindChunk::Reply now = co_await filesystem.find_chunk(before->chunk.handle);
    chunk = std::move(now.chunk);  // its members may be others by now
  }
}

Task<Chunk> find(Filesystem& filesystem, ChunkHandle handle) {
  bus::FindChunk::Reply found = co_await filesystem.find_chunk(handle);
  co_return std::move(found.chunk);
}

Result<std::vector<Chunk>> chunks_of(Session& session, const std::string& text) {
  if (Result<ChunkHandle> handle = parse_handle(text)) {
    Result<Chunk> chunk = session.run<Chunk>([handle = *handle](Filesystem& fs) { return find(fs, handle); });
    if (!chunk) return fail(std::move(chunk));
    return std::vector<Chunk>{std::move(*chunk)};
  }
  Result<std::string> path = session.path(text);
  if (!path) return fail(std::move(path));
  return session.run<std::vector<Chunk>>([path = *path](Filesystem& fs) { return fs.chunks(path); });
}

std::vector<std::string> problems(const Looked& looked) {
  std::vector<std::string> all;
  for (const auto* some : {&looked.found.damaged, &looked.found.differing, &looked.found.unanswered}) {
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

std::string_view state_of(const Looked& looked) {
  if (!looked.found.damaged.empty()) return "damaged";
  if (looked.moving) return "moving";
  if (!looked.found.differing.empty()) return "differs";
  return looked.found.unanswered.empty() ? "ok" : "unanswered";
}

void tell(Output& out, const Looked& looked) {
  const Chunk& chunk = looked.chunk;
  if (out.json()) {
    out.object({{"index", chunk.index},
                {"handle", hex(chunk.handle)},
                {"version", chunk.version.value},
                {"length", looked.length},
                {"members", chunk.members.size()},
                {"state", state_of(looked)},
                {"problems", problems(looked)}});
    return;
  }
  std::string line = fmt::format("{}\t{}\t{}\t{}\t{}", chunk.index, hex(chunk.handle), looked.length,
                                 chunk.members.size(), state_of(looked));
  for (const std::string& problem : problems(looked)) line += "\t" + out.name(problem);
  out.line(line);
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::vector<Chunk>> chunks = chunks_of(session, arguments[0]);
  if (!chunks) return fail(std::move(chunks));
  std::optional<Error> damaged, unclear;
  for (const Chunk& chunk : *chunks) {
    auto work = [&session, chunk](Filesystem& filesystem) {
      Executor& executor = session.executor();
      return look(executor, filesystem, chunk, executor.now() + session.options().timeout);
    };
    Result<Looked> looked = session.run<Looked>(work);
    if (!looked) return fail(std::move(looked));
    tell(session.out(), *looked);
    if (Result<> written = session.out().flush(); !written) return fail(std::move(written));
    std::string_view state = state_of(*looked);
    if (state == "ok") continue;
    bool sure = state == "damaged" || state == "differs";
    std::string text = fmt::format("chunk {}: {}", hex(chunk.handle), fmt::join(problems(*looked), "; "));
    if (sure && !damaged) damaged = Error{Code::corrupt, text, {}};
    if (!sure && !unclear) unclear = Error{Code::unavailable, text, {}};
  }
  if (damaged) return fail(std::move(*damaged));
  if (unclear) return fail(std::move(*unclear));
  return kOk;
}

}  // namespace

const Command kChunkVerify{
    .name = "chunk verify",
    .group = "Cluster",
    .usage = "PATH|HANDLE",
    .summary = "compares what the members of each chunk hold, byte by byte",
    .help =
        "Every member reads all its bytes. Tells, for each chunk: index, handle, length, members, and ok, damaged,\n"
        "differs, moving (it was written all the while) or unanswered, with server and block.\n"
        "Ends with 8 if anything is damaged or differs, with 6 if somebody did not answer.\n"
        "Example: chunk verify /logs/today",
    .options = {},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
