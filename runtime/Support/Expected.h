//===- Expected.h - A value or the reason there is none -------------------===//
// The runtime is built without exceptions; a function that can fail returns
// Expected<T> (or Status when there is no value). An Error says what was
// wanted, what was found, where and what to do, and carries the class that
// decides the exit code of the programs (README.md, "Exit codes"). A request
// that a session turns down also says why as a code: who serves many reads
// codes, not messages.
//
//   Expected<int> parse(std::string_view text);
//   auto value = parse("12");
//   if (!value)
//     return value.takeError();   // hand it on
//   use(*value);
//===----------------------------------------------------------------------===//
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace mm1 {

/// Who is at fault. The numbers are the exit codes of mm1c and mm1-run.
enum class ErrorKind {
  Input = 1,    ///< a file or a value given to us is wrong
  Usage = 2,    ///< the command line is wrong
  Machine = 3,  ///< no memory, disk, device or permission
  Internal = 4, ///< our own bug
};

/// Why a request was turned down. Nothing has changed then.
enum class Refusal : uint8_t {
  None,      ///< it was not: something failed
  NoSlot,    ///< all sequences of the plan are in use
  NoPages,   ///< the KV pages that are free do not suffice
  TooLong,   ///< a sequence would exceed the plan's context
  BadToken,  ///< a token that is not of the vocabulary
  WrongPlan, ///< a snapshot of another plan, page image or number of ranks
  WrongCall, ///< arguments that make no sense
};

/// Why something failed: one line, lower case, no full stop.
struct [[nodiscard]] Error {
  ErrorKind kind;
  std::string message;
  Refusal why = Refusal::None;

  int exitCode() const { return static_cast<int>(kind); }
};

inline Error inputError(std::string message) {
  return {ErrorKind::Input, std::move(message)};
}
inline Error usageError(std::string message) {
  return {ErrorKind::Usage, std::move(message)};
}
inline Error machineError(std::string message) {
  return {ErrorKind::Machine, std::move(message)};
}
inline Error internalError(std::string message) {
  return {ErrorKind::Internal, std::move(message)};
}
inline Error refusal(Refusal why, std::string message) {
  return {why == Refusal::WrongCall ? ErrorKind::Usage : ErrorKind::Input,
          std::move(message), why};
}

/// A T or an Error. Test it before use; reading the absent half is our own bug.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : storage(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : storage(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return storage.index() == 0; }
  T &operator*() { return *get(); }
  const T &operator*() const { return *const_cast<Expected *>(this)->get(); }
  T *operator->() { return get(); }
  const T *operator->() const { return const_cast<Expected *>(this)->get(); }

  const Error &error() const {
    assert(!*this && "no error to read");
    return *std::get_if<1>(&storage);
  }
  Error takeError() {
    assert(!*this && "no error to take");
    return std::move(*std::get_if<1>(&storage));
  }

private:
  T *get() {
    assert(*this && "no value to read");
    return std::get_if<0>(&storage);
  }
  std::variant<T, Error> storage;
};

/// Success, or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failure(std::move(error)), failed(true) {}

  static Status ok() { return {}; }
  explicit operator bool() const { return !failed; }
  const Error &error() const {
    assert(failed && "no error to read");
    return failure;
  }
  Error takeError() {
    assert(failed && "no error to take");
    return std::move(failure);
  }

private:
  Error failure{ErrorKind::Internal, {}, Refusal::None};
  bool failed = false;
};

} // namespace mm1
