# lit for IR: `ninja check-mm1`, and the ctest entry `lit`. Debian keeps lit, FileCheck and friends under llvm-22/bin.
# Included by test/CMakeLists.txt when the compiler is built.
if(NOT MM1_SOURCE_ROOT)
  set(MM1_SOURCE_ROOT ${CMAKE_SOURCE_DIR})
endif()
find_program(MM1_LIT NAMES lit lit.py llvm-lit HINTS ${LLVM_TOOLS_BINARY_DIR})
# lit's modules belong to Debian's python3, not to whichever python comes first in PATH.
find_program(MM1_LIT_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT MM1_LIT_PYTHON)
  find_program(MM1_LIT_PYTHON NAMES python3)
endif()
if(NOT MM1_LIT OR NOT MM1_LIT_PYTHON)
  message(FATAL_ERROR "the IR tests need lit and python3 (llvm-22-tools); examples/install-dependencies.sh installs them, "
                      "-DMM1_BUILD_TESTS=OFF builds without")
endif()

configure_file(${CMAKE_CURRENT_LIST_DIR}/lit.site.cfg.py.in ${CMAKE_BINARY_DIR}/test/lit.site.cfg.py @ONLY)
set(MM1_LIT_TOOLS mm1-opt mm1-lsp-server)
if(TARGET mm1c)
  list(APPEND MM1_LIT_TOOLS mm1c)
endif()
add_custom_target(check-mm1
  COMMAND ${MM1_LIT_PYTHON} ${MM1_LIT} -sv ${CMAKE_BINARY_DIR}/test
  DEPENDS ${MM1_LIT_TOOLS}
  COMMENT "Running the IR tests"
  USES_TERMINAL)
add_test(NAME lit COMMAND ${MM1_LIT_PYTHON} ${MM1_LIT} -sv ${CMAKE_BINARY_DIR}/test)
