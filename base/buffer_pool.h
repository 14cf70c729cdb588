// BufferPool: page-aligned memory for bytes read from disks, used again instead of being asked of the system each time.
//
// A buffer goes back to its pool when the last Bytes on it is destroyed, on whatever thread that happens. The pool
// keeps at most `kept_max` bytes of idle memory; what is in use is bounded by its users.
//
// Safe on every thread. Buffers keep the pool alive.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace gfs {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static std::shared_ptr<BufferPool> create(std::size_t kept_max = std::size_t{64} << 20);
  ~BufferPool();

  // At least `size` bytes with undefined content.
  std::shared_ptr<std::uint8_t> take(std::size_t size);

  std::size_t kept() const;  // idle bytes

 private:
  // Small ones for records and checksums, large ones for data; what is larger still is not kept.
  static constexpr std::array<std::size_t, 3> kClasses{4096, std::size_t{64} << 10, std::size_t{1} << 20};

  explicit BufferPool(std::size_t kept_max) : kept_max_(kept_max) {}
  void give_back(std::uint8_t* memory, std::size_t size_class);

  const std::size_t kept_max_;
  mutable std::mutex mutex_;
  std::size_t kept_ = 0;
  std::array<std::vector<std::uint8_t*>, kClasses.size()> idle_;
};

}  // namespace gfs
