// RUN: mm1-opt %s --mm1-lower-to-plan="max-sequences=2 max-context=64 prefill-tokens=16" --mm1-verify-plan | FileCheck %s
// RUN: mm1-opt %s --mm1-lower-to-plan="max-sequences=2 max-context=64 prefill-tokens=16 device=sm_90a page-image=gpu-1 spare-units=1 selects-on-host=false starts-early=true" \
// RUN:   --mm1-verify-plan | FileCheck %s --check-prefix=GPU

// A cpu leaves candidates to the runtime: rows of 100 logits lie 128 apart, 8 values 32, 8 ids 8, and sums 32.
//      CHECK: host_calls_per_token = 1 : i64, kernels = 0 : i64,
//      CHECK: plan.limits {{.*}} candidates = 8 page_image = "cpu-1"{{$}}
//      CHECK: plan.kernel_module @kernels cpu{{$}}
//  CHECK-NOT: plan.kernel @
//      CHECK: plan.entry @decode_1
//      CHECK: plan.host_call "top_candidates" (read [[L:%.*]] : tensor<?x100xf32>, read %{{.*}} : tensor<4xi32>,
// CHECK-SAME:   write [[V:%.*]] : tensor<?x8xf32>, write %{{.*}} : tensor<?x8xi32>, write %{{.*}} : tensor<?x2xf32>)
// CHECK-SAME:   numbers = [100, 8, 128, 32, 8, 32] tasks = 1 unit = tokens per = 1 label = "sampling/top_candidates"

// A GPU has a kernel for them, whose block shape comes from the schedule; and spare units behind the sequences'.
// Its entries begin with the step block and end with what the host wants to know; a launch starts while the one before it ends.
// GPU: launches_per_token = 3 : i64
// GPU: plan.limits {{.*}} pages = 2 {{.*}} page_image = "gpu-1" spare_slots = 1 spare_pages = 1{{$}}
// GPU: plan.kernel_module @kernels_0 cuda arch = "sm_90a"
// GPU: plan.kernel @begin_0 in @kernels_0 builtin begin (write "candidate_counts" tensor<?xi32>, write "inverse_temperatures" tensor<?xf32>) waits
// GPU: plan.kernel @top_candidates_0 in @kernels_0 waits {
// GPU: plan.kernel @publish_0 in @kernels_0 builtin publish (read "candidate_counts" tensor<?xi32>, read "candidate_values" tensor<?x8xf32>, read "candidate_ids" tensor<?x8xi32>, read "candidate_sums" tensor<?x2xf32>) waits
// GPU-NOT: plan.host_call
// GPU: plan.launch @begin_0 {{.*}} tasks = 1 unit = one per = 1 threads = 256 label = "begin"
// GPU: plan.launch @top_candidates_0 {{.*}} tasks = 1 unit = tokens per = 1 grain = 1 threads = 128 early_start label = "sampling/top_candidates"
// GPU: plan.launch @publish_0 {{.*}} tasks = 1 unit = one per = 1 threads = 256 early_start label = "publish"

func.func @decode_1(%l: tensor<?x100xf32> {mm1.name = "hidden"}, %m: tensor<4xi32> {mm1.name = "vocabulary_mask"},
    %c: tensor<?xi32> {mm1.name = "candidate_counts"}, %t: tensor<?xf32> {mm1.name = "inverse_temperatures"})
    -> (tensor<?x8xf32> {mm1.name = "candidate_values"}, tensor<?x8xi32> {mm1.name = "candidate_ids"},
        tensor<?x2xf32> {mm1.name = "candidate_sums"}) attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %v, %i, %s = mm1.cluster selection (%l, %m, %c, %t)
      schedule {tasks = 1 : i64, unit = "tokens", per = 1 : i64, warps = 4 : i64, grain = 1 : i64}
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>) {
  ^bb0(%a: tensor<?x100xf32>, %b: tensor<4xi32>, %d: tensor<?xi32>, %e: tensor<?xf32>):
    %0, %1, %2 = mm1.top_candidates %a, %b, %d, %e k = 8
        : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>) loc("sampling")
    mm1.yield %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>
  }
  return %v, %i, %s : tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>
}
