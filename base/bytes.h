// Bytes: an immutable slice of memory with shared ownership; how chunk data travels without being copied.
//
// A slice keeps its owner alive (a received ZeroMQ frame, a pooled read buffer, a std::string). Copying a Bytes copies
// a pointer. Nobody writes through one: the same memory may be on its way to two sockets and a disk at once.
//
// Copying and destroying are safe on every thread (ZeroMQ frees frames on its I/O thread).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gfs {

class Bytes {
 public:
  Bytes() = default;
  Bytes(std::shared_ptr<const void> owner, const void* data, std::size_t size)
      : owner_(std::move(owner)), data_(static_cast<const std::uint8_t*>(data)), size_(size) {}

  // Takes the string over.
  static Bytes of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    const char* data = owner->data();
    std::size_t size = owner->size();
    return Bytes(std::move(owner), data, size);
  }
  // Copies.
  static Bytes copy_of(const void* data, std::size_t size) {
    return of(std::string(static_cast<const char*>(data), size));
  }
  // Borrows memory that the caller keeps alive and unchanged until every copy of the slice is gone.
  static Bytes borrowed(const void* data, std::size_t size) { return Bytes(nullptr, data, size); }

  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }
  std::span<const std::uint8_t> span() const { return {data_, size_}; }
  std::string str() const { return std::string(view()); }

  // The part [offset, offset + size), cut to what is there; shares the owner.
  Bytes slice(std::size_t offset, std::size_t size = SIZE_MAX) const {
    offset = offset < size_ ? offset : size_;
    size = size < size_ - offset ? size : size_ - offset;
    return Bytes(owner_, data_ + offset, size);
  }

  bool operator==(const Bytes& other) const { return view() == other.view(); }

 private:
  std::shared_ptr<const void> owner_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gfs
