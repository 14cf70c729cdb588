// A chunk store on a simulated disk, one life after the other, and short ways to ask it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "base/sim_disk.h"
#include "base/sim_executor.h"
#include "chunkserver/chunk_store.h"

namespace gfs::chunkserver {

inline const ChunkHandle kChunk{0xab};

// One life of a store.
struct Life {
  Life(SimExecutor& world, SimDisk& platter, StoreSettings settings);
  ~Life();
  NodeExecutor node;
  std::unique_ptr<Disk> disk;
  std::unique_ptr<ChunkStore> store;
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { log::set_level(log::Level::off); }

  void open(std::uint64_t seed = 1);
  // A new disk.
  void fresh(std::uint64_t seed);
  void checkpoint_and_reopen();
  ChunkStore& store() { return *life->store; }
  ChunkInfo info() { return store().find(kChunk).value_or(ChunkInfo{}); }

  Result<> adopt(ChunkHandle handle, std::uint64_t version);
  Result<> promise(std::uint64_t version, ServerId to = {}, ChunkHandle handle = kChunk);
  Mutation mutation(ChunkHandle handle, std::uint64_t version, std::uint64_t serial, std::uint64_t offset,
                    std::string text);
  Mutation append_of(std::uint64_t version, std::uint64_t serial, std::uint64_t offset, std::string text,
                     std::uint64_t sequence, std::uint32_t count = 1);
  Mutation mutation_of(MutationKind what, std::uint64_t version, std::uint64_t serial, std::uint64_t offset = 0);
  Result<std::uint64_t> put(Mutation mutation) { return world.run(store().write(std::move(mutation))); }
  Result<std::uint64_t> write(std::uint64_t serial, std::uint64_t offset, std::string text, std::uint64_t version = 1);
  Result<std::uint64_t> sync() { return world.run(store().sync(kChunk)); }
  Result<std::string> read(std::uint64_t offset, std::uint64_t size);
  // All of it, in reads of 1 MiB.
  Result<std::string> read_all();
  bus::ReplicaState state(ChunkHandle handle = kChunk);
  // What a source with these bytes would be to others.
  CopyTarget target_of(const std::string& text, std::uint64_t version, std::uint64_t serial);
  Result<> copy_from(const std::string& text, std::uint32_t first, std::uint32_t blocks);
  // Everything that is not at hand, and then it takes effect.
  Result<> make_equal(const std::string& text, std::uint64_t promised, CopyTarget target);

  std::vector<std::string> journals();

  SimExecutor world;
  StoreSettings settings;
  ServerId primary;
  ClientId client{{1}};
  std::unique_ptr<SimDisk> platter;
  std::unique_ptr<Life> life;
};

std::string text_of(Random& random, std::size_t size);
void put_into(std::string& model, std::uint64_t offset, const std::string& text);

}  // namespace gfs::chunkserver
