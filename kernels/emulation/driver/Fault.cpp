//===- Fault.cpp - See Fault.h --------------------------------------------===//
#include "kernels/emulation/driver/Fault.h"

#include <csetjmp>
#include <csignal>
#include <memory>

namespace mm1::emulated {

namespace {

// All under the machine's lock, but the signal comes to the thread that runs
// the kernel, and others may fault for reasons of their own.
thread_local sigjmp_buf *escape = nullptr;
thread_local volatile uintptr_t faultAddress = 0;

struct sigaction before[2];

void onFault(int signal, siginfo_t *info, void *context) {
  if (escape) {
    faultAddress = reinterpret_cast<uintptr_t>(info->si_addr);
    siglongjmp(*escape, 1);
  }
  // Not a kernel's: as if we were not here.
  struct sigaction &old = before[signal == SIGBUS];
  if (old.sa_flags & SA_SIGINFO)
    return old.sa_sigaction(signal, info, context);
  if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN)
    return old.sa_handler(signal);
  ::signal(signal, SIG_DFL);
}

void install() {
  struct sigaction action = {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, &before[0]);
  ::sigaction(SIGBUS, &action, &before[1]);
}

/// The stack of the handler: the fiber's own may be what ran over.
struct HandlerStack {
  HandlerStack() {
    constexpr size_t kBytes = 64 << 10;
    memory = std::make_unique<char[]>(kBytes);
    stack_t now = {};
    ::sigaltstack(nullptr, &now);
    isOurs = now.ss_flags & SS_DISABLE;
    if (!isOurs)
      return;
    stack_t stack = {};
    stack.ss_sp = memory.get();
    stack.ss_size = kBytes;
    ::sigaltstack(&stack, nullptr);
  }
  ~HandlerStack() {
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    if (isOurs)
      ::sigaltstack(&none, nullptr);
  }
  std::unique_ptr<char[]> memory;
  bool isOurs;
};

} // namespace

std::optional<uintptr_t> runGuarded(const std::function<void()> &work) {
  static const bool isInstalled = (install(), true);
  (void)isInstalled;
  thread_local HandlerStack stack;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    escape = nullptr;
    return faultAddress;
  }
  escape = &here;
  work();
  escape = nullptr;
  return std::nullopt;
}

} // namespace mm1::emulated
