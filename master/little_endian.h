// How numbers stand in the master's files: little-endian, whatever the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace gfs::master {

template <class T>
void put(std::string& text, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) text += static_cast<char>(value >> (8 * i) & 255);
}

// The caller has checked that the bytes are there.
template <class T>
T take(const std::uint8_t*& at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(*at++) << (8 * i));
  return value;
}

}  // namespace gfs::master
