#include "tests/chunkserver/store_fixture.h"

#include "base/hash64.h"

namespace gfs::chunkserver {

Life::Life(SimExecutor& world, SimDisk& platter, StoreSettings settings)
    : node(world), disk(platter.mount(node)), store(std::make_unique<ChunkStore>(node, *disk, settings)) {}

Life::~Life() {
  store.reset();
  disk.reset();
}

void StoreTest::open(std::uint64_t seed) {
  if (!platter) platter = std::make_unique<SimDisk>(world, seed);
  life.reset();
  life = std::make_unique<Life>(world, *platter, settings);
  Result<> opened = world.run(life->store->open());
  ASSERT_TRUE(opened) << opened.error().text();
}

void StoreTest::fresh(std::uint64_t seed) {
  life.reset();
  platter.reset();
  open(seed);
}

void StoreTest::checkpoint_and_reopen() {
  Result<> closed = world.run(store().close());
  ASSERT_TRUE(closed) << closed.error().text();
  open();
}

Result<> StoreTest::adopt(ChunkHandle handle, std::uint64_t version) {
  return world.run(store().adopt(handle, Version{version}, primary, true));
}

Result<> StoreTest::promise(std::uint64_t version, ServerId to, ChunkHandle handle) {
  return world.run(store().promise(handle, Version{version}, to));
}

Mutation StoreTest::mutation(ChunkHandle handle, std::uint64_t version, std::uint64_t serial, std::uint64_t offset,
                             std::string text) {
  Mutation out;
  out.handle = handle;
  out.version = Version{version};
  out.serial = Serial{serial};
  out.id.sequence = serial;
  out.offset = offset;
  out.bytes = Bytes::of(std::move(text));
  out.checksums = wire_checksums(offset, out.bytes);
  out.digest = digest_of(out.checksums);
  return out;
}

Mutation StoreTest::append_of(std::uint64_t version, std::uint64_t serial, std::uint64_t offset, std::string text,
                              std::uint64_t sequence, std::uint32_t count) {
  Mutation out = mutation(kChunk, version, serial, offset, std::move(text));
  out.what = MutationKind::append;
  out.id = {client, sequence};
  out.count = count;
  out.time_ms = static_cast<std::int64_t>(1000 + sequence);
  return out;
}

Mutation StoreTest::mutation_of(MutationKind what, std::uint64_t version, std::uint64_t serial, std::uint64_t offset) {
  Mutation out;
  out.handle = kChunk;
  out.version = Version{version};
  out.serial = Serial{serial};
  out.what = what;
  out.offset = offset;
  return out;
}

Result<std::uint64_t> StoreTest::write(std::uint64_t serial, std::uint64_t offset, std::string text,
                                       std::uint64_t version) {
  return put(mutation(kChunk, version, serial, offset, std::move(text)));
}

Result<std::string> StoreTest::read(std::uint64_t offset, std::uint64_t size) {
  Result<ReadBytes> got = world.run(store().read(kChunk, offset, size));
  if (!got) return fail(std::move(got).error());
  return got->bytes.str();
}

Result<std::string> StoreTest::read_all() {
  std::string all;
  const std::uint64_t length = store().find(kChunk)->length;
  while (all.size() < length) {
    Result<std::string> part = read(all.size(), kFragmentMax);
    if (!part) return part;
    all += *part;
  }
  return all;
}

bus::ReplicaState StoreTest::state(ChunkHandle handle) {
  Result<bus::ReplicaState> state = world.run(store().state(handle));
  EXPECT_TRUE(state) << state.error().text();
  return state.value_or(bus::ReplicaState{});
}

CopyTarget StoreTest::target_of(const std::string& text, std::uint64_t version, std::uint64_t serial) {
  CopyTarget target;
  target.state.version.value = version;
  target.state.serial.value = serial;
  target.state.length = text.size();
  target.checksums = wire_checksums(0, Bytes::of(text));
  for (const Piece& piece : pieces_of(0, text.size())) {
    target.hashes.push_back(hash64(text.data() + piece.from, piece.size));
  }
  target.state.digest = state_digest(text.size(), false, target.checksums, 0);
  return target;
}

Result<> StoreTest::copy_from(const std::string& text, std::uint32_t first, std::uint32_t blocks) {
  Bytes bytes = Bytes::of(text.substr(std::size_t{first} * kBlockSize, std::size_t{blocks} * kBlockSize));
  std::vector<std::uint32_t> checksums = wire_checksums(0, bytes);
  return world.run(store().copy_blocks(kChunk, first, bytes, checksums));
}

Result<> StoreTest::make_equal(const std::string& text, std::uint64_t promised, CopyTarget target) {
  Result<std::vector<BlockAtHand>> here = world.run(store().begin_copy(kChunk));
  if (!here) return fail(std::move(here).error());
  for (std::uint32_t block = 0; block < target.checksums.size(); ++block) {
    const bool at_hand = block < here->size() && (*here)[block].hash == target.hashes[block] &&
                         (*here)[block].size == bytes_in_block(text.size(), block);
    if (at_hand) continue;
    Result<> copied = copy_from(text, block, 1);
    if (!copied) return copied;
  }
  return world.run(store().install_copy(kChunk, Version{promised}, std::move(target)));
}

std::vector<std::string> StoreTest::journals() {
  std::vector<std::string> paths;
  for (const std::string& file : platter->files()) {
    if (file.starts_with("journal/")) paths.push_back(file);
  }
  return paths;
}

std::string text_of(Random& random, std::size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

void put_into(std::string& model, std::uint64_t offset, const std::string& text) {
  if (model.size() < offset + text.size()) model.resize(offset + text.size());
  model.replace(offset, text.size(), text);
}

}  // namespace gfs::chunkserver
