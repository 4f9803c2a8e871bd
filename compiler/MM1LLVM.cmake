# Finds MLIR/LLVM 22 (Debian keeps it under /usr/lib/llvm-22) and offers mm1_add_library for code that uses it.
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT MLIR_VERSION VERSION_GREATER_EQUAL 22 OR MLIR_VERSION VERSION_GREATER_EQUAL 23)
  message(FATAL_ERROR "mm1c needs MLIR 22, found ${MLIR_VERSION}; install libmlir-22-dev (examples/quickstart.sh does) or set MLIR_DIR")
endif()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
separate_arguments(MM1_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

# mm1_add_doc(NAME FILE.td FLAGS...): docs/NAME.md in the build folder, from the descriptions in FILE.td; `ninja mlir-doc`
# makes all of them.
function(mm1_add_doc name definitions)
  set(LLVM_TARGET_DEFINITIONS ${definitions})
  mlir_tablegen(${name}.md ${ARGN})
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${name}.md)
  add_custom_target(${name}-doc
    COMMAND ${CMAKE_COMMAND} -E copy ${made} ${CMAKE_BINARY_DIR}/docs/${name}.md
    DEPENDS ${made})
  add_dependencies(mlir-doc ${name}-doc)
endfunction()

# mm1_add_library(NAME SOURCES... [DEPENDS targets] [LINK libs]): a static library against the shared libMLIR/libLLVM.
function(mm1_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PUBLIC ${MM1_LLVM_DEFINITIONS})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()
