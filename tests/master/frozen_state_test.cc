// FrozenState: what was frozen does not change with the state, and loads to an equal one; what is no state is refused.
#include "master/frozen_state.h"

#include <gtest/gtest.h>

#include "tests/master/random_ops.h"

namespace gfs::master {
namespace {

using Pieces = std::vector<std::pair<PieceKind, std::string>>;

Pieces pieces_of(FrozenState frozen) {
  Pieces pieces;
  PieceKind kind{};
  std::string piece;
  while (frozen.next(kind, piece)) pieces.emplace_back(kind, piece);
  return pieces;
}

Result<MasterState> load(const Pieces& pieces, std::uint64_t chunk_size = kChunkSize) {
  StateLoader loader({}, chunk_size);
  for (const auto& [kind, piece] : pieces) {
    Result<> added = loader.add(kind, piece);
    if (!added) return fail(std::move(added));
  }
  return loader.finish();
}

TEST(FrozenState, AnEmptyStateComesBack) {
  MasterState state;
  Result<MasterState> loaded = load(pieces_of(FrozenState(state)));
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->dump(), state.dump());
  Op op{{{}, 0, 5}, CreateFileOp{"/f", 3}};
  (void)encode_op(op);
  EXPECT_TRUE(loaded->apply(op, 1).ok());
}

TEST(FrozenState, IsWhatItWasWhateverHappensToTheState) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    MasterState state;
    RandomOps ops(seed);
    for (int i = 0; i < 600; ++i) state.apply(ops.next(state));
    const std::string before = state.dump();
    const std::uint64_t index = state.index();
    FrozenState frozen(state);
    Pieces pieces;
    PieceKind kind{};
    std::string piece;
    while (frozen.next(kind, piece)) {
      pieces.emplace_back(kind, piece);
      for (int i = 0; i < 20; ++i) state.apply(ops.next(state));
    }
    ASSERT_NE(state.dump(), before);
    Result<MasterState> loaded = load(pieces);
    ASSERT_TRUE(loaded) << "seed " << seed << ": " << loaded.error().text();
    ASSERT_EQ(loaded->dump(), before) << "seed " << seed;
    ASSERT_EQ(loaded->index(), index);
    // And it goes on like the first one did.
    MasterState& one = *loaded;
    RandomOps more(seed + 1000);
    Result<MasterState> other = load(pieces);
    for (int i = 0; i < 300; ++i) {
      const Op op = more.next(one);
      ASSERT_EQ(one.apply(op).code, other->apply(op).code);
    }
    ASSERT_EQ(one.dump(), other->dump());
  }
}

TEST(FrozenState, M14WhatIsNoStateIsRefusedOrLoadsToOne) {
  MasterState state;
  RandomOps ops(7);
  for (int i = 0; i < 400; ++i) state.apply(ops.next(state));
  const Pieces pieces = pieces_of(FrozenState(state));
  Random random(1);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Pieces mangled = pieces;
    const std::size_t at = random.below(mangled.size());
    std::string& piece = mangled[at].second;
    switch (random.below(5)) {
      case 0:
        piece.resize(random.below(piece.size()));
        break;
      case 1:
        mangled.erase(mangled.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        std::swap(mangled[at], mangled[random.below(mangled.size())]);
        break;
      case 3:
        mangled.push_back(mangled[at]);
        break;
      default:
        piece[random.below(piece.size())] ^= static_cast<char>(1 + random.below(255));
    }
    Result<MasterState> loaded = load(mangled);
    if (!loaded) {
      ++refused;
      EXPECT_TRUE(loaded.error().code == Code::malformed || loaded.error().code == Code::conflict);
      EXPECT_FALSE(loaded.error().message.empty());
    } else {
      (void)loaded->dump();
    }
  }
  EXPECT_GT(refused, 2000);
}

TEST(FrozenState, OfAnotherChunkSizeIsRefused) {
  MasterState state;
  EXPECT_EQ(load(pieces_of(FrozenState(state)), 1 << 20).error().code, Code::conflict);
}

}  // namespace
}  // namespace gfs::master
