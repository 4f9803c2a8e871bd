// RUN: mm1-opt %s --split-input-file --mm1-lower-to-plan="max-sequences=1 max-context=64 prefill-tokens=16" --verify-diagnostics | FileCheck %s

// A cluster that updates a pool writes it, also where it does not say what it made of it.
// CHECK-LABEL: plan.entry @decode_1
//       CHECK: plan.launch @lightning_attention_0 (read {{.*}}, read {{.*}}, update %{{.*}} : tensor<?x1x4x4xf32>, read {{.*}} write
mm1.weight @slopes : tensor<1xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<1xf32>>], steps = []>
mm1.state recurrent @lightning : tensor<?x1x4x4xf32>
func.func @decode_1(%hidden: tensor<?x12xf32> {mm1.name = "hidden"}, %slots: tensor<?xi32> {mm1.name = "slots"},
    %starts: tensor<?xi32> {mm1.name = "starts"}, %positions: tensor<?xi32> {mm1.name = "positions"}) -> tensor<?x4xf32>
    attributes {mm1.entry = "head", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %w = mm1.load_weight @slopes : tensor<1xf32>
  %s = mm1.load_state @lightning : tensor<?x1x4x4xf32>
  %o = mm1.cluster recurrence (%hidden, %w, %s, %slots, %starts, %positions) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4xf32> {
  ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>, %e: tensor<?xi32>, %f: tensor<?xi32>):
    %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %e, %f)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
    mm1.yield %0 : tensor<?x4xf32>
  }
  return %o : tensor<?x4xf32>
}

// -----

// Then nobody may read the pool by its older name.
mm1.weight @slopes : tensor<1xf32> = #mm1.recipe<sources = [#mm1.source<"s" : tensor<1xf32>>], steps = []>
mm1.state recurrent @lightning : tensor<?x1x4x4xf32>
func.func @decode_1(%hidden: tensor<?x12xf32> {mm1.name = "hidden"}, %slots: tensor<?xi32> {mm1.name = "slots"},
    %starts: tensor<?xi32> {mm1.name = "starts"}, %positions: tensor<?xi32> {mm1.name = "positions"}) -> tensor<?x4xf32>
    attributes {mm1.entry = "head", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %w = mm1.load_weight @slopes : tensor<1xf32>
  %s = mm1.load_state @lightning : tensor<?x1x4x4xf32>
  %o = mm1.cluster recurrence (%hidden, %w, %s, %slots, %starts, %positions) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4xf32> {
  ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>, %e: tensor<?xi32>, %f: tensor<?xi32>):
    %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %e, %f)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
    mm1.yield %0 : tensor<?x4xf32>
  }
  // expected-error @+1 {{reads a value of @lightning that was overwritten in place}}
  %p = mm1.cluster recurrence (%hidden, %w, %s, %slots, %starts, %positions) schedule {tasks = 1 : i64, unit = "sequences", per = 1 : i64}
      : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4xf32> {
  ^bb0(%a: tensor<?x12xf32>, %b: tensor<1xf32>, %c: tensor<?x1x4x4xf32>, %d: tensor<?xi32>, %e: tensor<?xi32>, %f: tensor<?xi32>):
    %0, %1 = mm1.lightning_attention %a, %b, %c batch(%d, %e, %f)
        : (tensor<?x12xf32>, tensor<1xf32>, tensor<?x1x4x4xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x1x4x4xf32>)
    mm1.yield %0 : tensor<?x4xf32>
  }
  return %p : tensor<?x4xf32>
}
