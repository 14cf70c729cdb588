#include "base/buffer_pool.h"

#include <cstdlib>
#include <new>

namespace gfs {

namespace {

constexpr std::size_t kAlignment = 4096;

std::uint8_t* allocate(std::size_t size) {
  size = (size + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::uint8_t*>(memory);
}

}  // namespace

std::shared_ptr<BufferPool> BufferPool::create(std::size_t kept_max) {
  return std::shared_ptr<BufferPool>(new BufferPool(kept_max));
}

BufferPool::~BufferPool() {
  for (std::vector<std::uint8_t*>& list : idle_) {
    for (std::uint8_t* memory : list) std::free(memory);
  }
}

std::shared_ptr<std::uint8_t> BufferPool::take(std::size_t size) {
  std::size_t size_class = 0;
  while (size_class < kClasses.size() && kClasses[size_class] < size) ++size_class;
  if (size_class == kClasses.size()) return {allocate(size), [](std::uint8_t* memory) { std::free(memory); }};
  std::uint8_t* memory = nullptr;
  {
    std::lock_guard guard(mutex_);
    std::vector<std::uint8_t*>& list = idle_[size_class];
    if (!list.empty()) {
      memory = list.back();
      list.pop_back();
      kept_ -= kClasses[size_class];
    }
  }
  if (memory == nullptr) memory = allocate(kClasses[size_class]);
  return {memory, [pool = shared_from_this(), size_class](std::uint8_t* used) { pool->give_back(used, size_class); }};
}

void BufferPool::give_back(std::uint8_t* memory, std::size_t size_class) {
  {
    std::lock_guard guard(mutex_);
    if (kept_ + kClasses[size_class] <= kept_max_) {
      idle_[size_class].push_back(memory);
      kept_ += kClasses[size_class];
      return;
    }
  }
  std::free(memory);
}

std::size_t BufferPool::kept() const {
  std::lock_guard guard(mutex_);
  return kept_;
}

}  // namespace gfs
