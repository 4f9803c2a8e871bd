// RUN: not mm1-opt %s --mm1-shard=ranks=8 2>&1 | FileCheck %s --check-prefix=EIGHT
// RUN: not mm1-opt %s --mm1-shard=ranks=0 2>&1 | FileCheck %s --check-prefix=NONE

// EIGHT: error: sharding over 8 ranks is not supported yet: this version compiles for one rank
// NONE: error: expects at least one rank, found 0
module {}
