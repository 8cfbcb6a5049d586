"""Each row of docs/troubleshooting.md is shown by tests."""

from __future__ import annotations

import ast
import functools
import re
from typing import Final

import pytest

from tests.project import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"

SHOWN_BY: Final[dict[str, tuple[str, ...]]] = {
    "a study in jobs.yaml names what cannot be searched, or values that no job may have": (
        "runner/studies/test_reading.py::test_a_mistake_is_one_sentence_with_its_line",
    ),
    "a study is edited so that its trials cannot be compared": (
        "runner/studies/test_searching.py::test_a_study_stays_what_it_was_when_its_trials_began",
    ),
    "a trial's hyperparameters do not go together, or its training diverges": (
        "runner/studies/test_searching.py::test_values_that_do_not_go_together_fail_without_a_session",
        "runner/studies/test_searching.py::test_a_failed_trial_is_told_and_the_search_goes_on",
    ),
    "the first trials of a study all fail": (
        "runner/studies/test_searching.py::test_after_the_first_ones_have_all_failed_none_is_begun",
        "runner/commands/test_tune.py::test_where_the_first_trials_fail_the_reason_of_the_last_is_told",
    ),
    "`doit tune` is killed, or a line of Optuna's journal is torn": (
        "runner/studies/test_searching.py::test_a_kill_before_any_write_changes_nothing",
        "scenarios/test_tune.py::test_kills_change_nothing_of_what_is_tried",
    ),
    "Optuna's journal is damaged otherwise": (
        "runner/studies/test_searching.py::test_a_damaged_journal_and_a_missing_trial_are_a_sentence",
        "runner/studies/test_searching.py::test_a_journal_that_is_gone_is_made_again",
    ),
    "a trial was asked to stop by `doit cancel`": (
        "runner/commands/test_tune.py::test_a_trial_that_was_asked_to_stop_rests_until_the_next_command",
    ),
    "what a study needs is not installed, or there is no study": (
        "runner/commands/test_tune.py::test_without_optuna_one_sentence_names_the_extra",
        "runner/commands/test_tune.py::test_studies_are_found_by_name",
    ),
    "`doit promote` before any trial has come to its goal": (
        "runner/commands/test_tune.py::test_nothing_is_promoted_before_a_trial_has_come_to_its_goal",
    ),
    "`doit track` names no tracker, or its library is not installed": (
        "runner/commands/showing/test_track.py::test_what_cannot_be_sent_to_is_one_sentence",
    ),
    "an experiment tracker gives no answer, or refuses": (
        "runner/tracking/test_sending.py::test_a_send_that_is_cut_anywhere_loses_and_doubles_nothing",
        "runner/tracking/test_mlflow.py::test_a_server_that_does_not_answer_is_one_sentence_without_its_password",
        "runner/tracking/test_wandb_online.py::test_a_server_that_does_not_answer_is_one_sentence_and_nothing_is_lost",
    ),
    "a redo or a fallback has replaced what was sent to an experiment tracker": (
        "runner/tracking/test_sending.py::test_what_a_redo_has_replaced_begins_a_new_run_that_says_so",
    ),
    "two commands send a job to the same tracker at once": (
        "runner/tracking/test_sending.py::test_two_commands_at_once_are_one_too_many",
    ),
    "`redo` names a job that never ran": ("runner/test_workspace.py::test_a_job_that_never_ran_is_not_done_again",),
    "jobs that have sessions are in jobs.yaml no more": (
        "runner/commands/test_commands.py::test_the_status_names_jobs_that_have_sessions_and_are_in_no_file_any_more",
    ),
    "a session is gone, which `doit repair` was told to take so": (
        "runner/curve/test_stitching.py::test_a_curve_goes_on_behind_a_session_that_is_gone_and_says_what_is_missing",
        "runner/steering/test_history.py::test_a_session_that_went_on_from_one_that_is_gone_says_so_and_no_fallback",
        "runner/retention/test_choice.py::test_what_came_before_a_session_that_is_gone_counts_all_the_same",
    ),
    "what draws a report is not installed": (
        "runner/commands/showing/test_report.py::test_without_what_draws_one_sentence_names_the_extra",
    ),
    "an environment's baselines cannot be played on this machine": (
        "trainer/test_baselines.py::test_baselines_that_fail_are_named_with_their_environment",
        "runner/commands/showing/test_report.py::test_baselines_that_cannot_be_played_here_are_a_sentence_on_the_page",
    ),
    "a wrapper, a callback or a policy is not there, or does not take its arguments": (
        "trainer/environments/wrapping/test_wrappers.py::test_what_cannot_be_put_around_is_one_sentence",
        "trainer/test_own_callbacks.py::test_what_is_not_there_is_one_sentence",
    ),
    "a wrapper or a callback does not give its state back": (
        "trainer/environments/wrapping/test_wrappers.py::test_a_wrapper_that_forgets_is_named",
        "trainer/test_own_callbacks.py::test_one_whose_state_does_not_come_back_is_named",
    ),
    "frames are stacked outside of VecNormalize, with a replay buffer": (
        "trainer/environments/wrapping/test_wrappers.py::test_a_replay_buffer_and_frames_stacked_outside_of_the_scaling_are_refused",
    ),
    "a callback ends the training": (
        "runner/planning/test_decide.py::test_what_a_callback_has_ended_is_met_until_it_is_another",
        "runner/planning/test_outcome.py::test_a_session_that_a_callback_has_ended_has_met_its_goal",
    ),
    "a model is loaded where a module of yours is not on the path": (
        "trainer/test_inference.py::test_a_module_that_is_not_on_the_path_is_named",
    ),
    "an environment's call never comes back": (
        "trainer/test_hanging_sessions.py::test_a_call_that_never_comes_back_ends_the_session_with_all_that_it_has",
    ),
    "closing the environments never ends": (
        "trainer/test_hanging_sessions.py::test_environments_that_do_not_close_cost_no_finished_session",
    ),
    "the disk takes no rows of what is measured": (
        "trainer/test_metrics.py::test_what_the_disk_does_not_take_waits_and_nothing_of_the_training_ends",
    ),
    "`doit curve` without the package of TensorBoard": (
        "runner/commands/showing/test_curve.py::test_without_tensorboard_it_says_what_to_install",
    ),
    "rows of what was measured are damaged, or another session's": (
        "runner/curve/test_stitching.py::test_a_file_of_another_session_or_with_odd_lines_is_told_of",
    ),
    "an environment leaves a thread": (
        "trainer/test_hanging_sessions.py::test_a_thread_that_an_environment_leaves_is_named_and_keeps_nothing",
    ),
    "`kaggle-relay init` would overwrite a file": (
        "runner/new_project/test_writing.py::test_a_folder_with_a_file_of_that_name_is_refused_untouched",
    ),
    "a checkpoint to adopt, or a pickle beside it, is damaged or does what no saved object needs": (
        "restore/adoptable/test_adoptable.py::test_what_a_pickle_would_run_is_named_and_not_run",
        "scenarios/test_adopted_checkpoints.py::test_the_newest_sound_checkpoint_is_the_next_ones_parent",
    ),
    "a job to adopt for is not what was trained": (
        "scenarios/test_adopted_checkpoints.py::test_the_newest_sound_checkpoint_is_the_next_ones_parent",
        "scenarios/test_adopted_checkpoints.py::test_a_job_that_is_not_what_was_trained_takes_nothing_in",
    ),
    "an evaluation never ends": ("trainer/test_evaluation.py::test_episodes_without_an_end_are_told_of_and_given_up",),
    "nobody takes what a session prints any more, and its environment waits for that": (
        "trainer/test_hanging_sessions.py::test_a_log_that_nobody_takes_any_more_keeps_no_session",
    ),
    "an environment leaves a process, a simulator say": (
        "trainer/test_hanging_sessions.py::test_what_an_environment_has_started_ends_with_the_session",
    ),
    "native code that hangs keeps Python's lock": (
        "trainer/test_hanging_sessions.py::test_native_code_that_keeps_pythons_lock_is_ended_from_outside_of_python",
    ),
    "a session hangs so that it cannot end itself": (
        "runner/backends/test_local.py::test_a_session_that_does_not_end_is_killed_a_minute_after_its_limit",
        "executors/test_local.py::test_a_script_that_overruns_its_limit_is_killed_with_all_that_it_started",
    ),
    "an environment gives NaN, infinity, `None`, another shape": (
        "trainer/environments/checks/test_checks.py::test_the_sentence_names_the_environment_the_value_and_the_moment",
        "trainer/test_silent_faults.py::test_a_mended_environment_goes_on_as_if_it_had_always_been_right",
    ),
    "an action mask allows nothing": (
        "trainer/environments/checks/test_checks.py::test_a_mask_that_allows_nothing_is_named",
    ),
    "an observation or a reward is not finite, with `env.check: false`": (
        "trainer/test_silent_faults.py::test_even_without_a_check_nothing_is_kept_that_is_no_number",
    ),
    "a replay buffer from elsewhere holds NaN": ("restore/test_replay.py::test_a_row_that_is_no_number_is_found",),
    "`env.id` names nothing": (
        "trainer/test_trial.py::test_an_id_that_names_nothing_is_told_with_what_to_write",
        "runner/stages/test_wiring.py::test_what_is_refused_uses_no_number_and_is_tried_again",
    ),
    "observations or actions that no policy reads": (
        "trainer/environments/test_unreadable_spaces.py::test_what_no_policy_reads_is_one_sentence",
    ),
    "observations are images, and the job's policy or VecNormalize takes them for rows of numbers": (
        "trainer/algorithms/test_suitability.py::test_images_that_vecnormalize_leaves_none_of_are_refused",
        "trainer/algorithms/test_suitability.py::test_images_that_are_read_as_rows_are_told_with_what_to_set",
    ),
    "evaluation or `n_envs` needs a second environment, which is not allowed": (
        "trainer/test_trial.py::test_a_second_instance_that_is_not_allowed_is_refused_with_who_needs_it",
    ),
    "an environment can be made only once in a process": (
        "trainer/test_trial.py::test_an_environment_that_can_be_made_once_is_trained_without_the_check",
    ),
    "the disk is full of sessions": (
        "runner/retention/test_choice.py::test_nothing_goes_unasked_and_what_went_is_written_down",
    ),
    "`doit gc` is killed, or the power fails in it": (
        "scenarios/test_tidied_lineages.py::test_a_lineage_that_lost_the_tidier_at_any_moment_goes_on_exactly",
    ),
    "`doit gc` meets a job that another command is at": (
        "runner/retention/test_choice.py::test_a_job_that_somebody_works_on_or_that_cannot_be_read_is_left_alone",
    ),
    "a checkpoint that a redo would begin from was removed": (
        "runner/retention/test_choice.py::test_a_checkpoint_that_was_removed_is_told_from_one_that_is_missing",
    ),
    "`doit logs` of a session that there is not": (
        "runner/steering/test_logs.py::test_the_newest_session_is_shown_or_the_one_that_is_named",
    ),
    "a variable or flag stands with a command that does not read it": (
        "runner/steering/test_answers.py::test_a_variable_is_refused_where_nothing_reads_it",
    ),
    "`render_mode: human`": ("trainer/test_trial.py::test_a_window_is_refused",),
    "a constructor, `reset()` or `step()` hangs": (
        "runner/preflight/test_trial.py::test_what_hangs_is_ended_and_named",
    ),
    "one job of several names a source that cannot be carried (a link that leads out, a loop, no such folder)": (
        "scenarios/test_odd_sources.py::test_a_job_with_an_odd_source_stops_no_other",
    ),
    "a folder of `sources` holds a key or a token (kaggle.json, access_token, credentials.json, id_rsa, \\*.pem)": (
        "runner/sources/test_walk.py::test_a_key_or_a_token_is_not_uploaded",
    ),
    "a package of `packages` has no wheel for where the sessions run, or would replace what is there": (
        "runner/test_packages.py::test_what_has_no_wheel_for_the_place_is_refused_by_name",
        "scenarios/test_packages.py::test_what_has_no_wheel_is_refused_before_anything_is_packaged",
    ),
    "a wheel in packages.lock is gone from where pip looks, or another file has its name": (
        "runner/test_packages.py::test_a_wheel_that_is_not_the_one_that_was_locked_is_refused",
    ),
    "packages.lock was damaged, by a merge say": ("runner/test_packages.py::test_a_lock_that_cannot_be_read_says_so",),
    "data listed under `kaggle` have no folder in `data`, and the job runs here or in a container": (
        "runner/test_data.py::test_what_has_no_folder_or_no_use_is_one_sentence",
        "scenarios/test_kaggles_data.py::test_data_without_a_folder_here_are_refused_before_anything_is_packaged",
    ),
    "a dataset listed under `kaggle.datasets` is not there": (
        "scenarios/test_kaggles_data.py::test_sessions_here_and_on_kaggle_read_the_same_data",
    ),
    "this machine lacks a module that the backend's may have": (
        "runner/stages/test_wiring.py::test_what_only_this_machine_may_lack_is_said_and_refused_where_it_would_run_here",
        "scenarios/test_tried_there_first.py::test_what_cannot_be_tried_here_is_tried_first_in_the_session_on_kaggle",
    ),
    "the replay buffer does not fit": (
        "runner/preflight/test_memory.py::test_a_buffer_that_fills_beyond_the_memory_is_refused_with_the_numbers",
    ),
    "a session ends by a mistake, a NaN loss, or without progress at its limit, out of memory or by an error": (
        "runner/planning/test_outcome.py::test_going_on_is_not_promised_where_another_session_would_end_likewise",
        "runner/doit/test_run.py::test_a_session_is_repeated_only_where_its_reason_may_pass",
    ),
    "the project's path is long (200 characters), and workers or torch make sockets": (
        "executors/test_local.py::test_sockets_have_room_below_a_long_path",
    ),
    "a session prints lines that look like the tool's events, control sequences, characters that the terminal lacks, "
    "or megabytes without a line end": (
        "runner/test_display.py::test_no_line_of_a_session_ends_the_command_or_steers_the_terminal",
        "runner/test_display.py::test_a_line_that_does_not_end_is_shown_in_part_and_hides_no_event",
        "runner/test_display.py::test_a_progress_bar_of_megabytes_is_shown_as_it_ends",
        "runner/test_display.py::test_what_a_terminal_cannot_show_is_spelled_out",
    ),
    "a session leaves odd names, links, pipes, or more than 1,000 files or 1 GiB beside its own": (
        "runner/backends/test_local.py::test_names_that_not_every_system_has_stay_behind_and_are_named",
        "runner/stages/test_download.py::test_what_stays_behind_is_said_and_written_down",
        "contract/storage/test_coming_back.py::test_the_sessions_own_files_come_whatever_came_before",
    ),
    "a token was saved with a byte order mark or Windows' line ends": (
        "runner/backends/kaggle/api/test_credentials.py::test_a_token_is_found_however_it_was_saved_and_what_to_correct_is_said",
    ),
    "it is in quotes, behind `KAGGLE_API_TOKEN=`, or UTF-16": (
        "runner/backends/kaggle/api/test_credentials.py::test_a_token_is_found_however_it_was_saved_and_what_to_correct_is_said",
    ),
    "it is two lines, a whole kaggle.json, or has characters that no token has": (
        "runner/backends/kaggle/api/test_credentials.py::test_what_cannot_be_a_token_is_told_in_a_sentence_that_does_not_show_it",
    ),
    "a backend gives no answer before anything was submitted": (
        "runner/stages/test_execute.py::test_until_it_is_pushed_nothing_says_that_a_session_may_have_been_submitted",
    ),
    "a command is cut off while it submits": (
        "runner/commands/test_commands.py::test_what_may_have_been_submitted_is_said_so",
        "runner/commands/test_commands.py::test_what_was_submitted_after_all_is_stopped_and_not_put_away",
    ),
    "and the backend does not answer then": (
        "runner/commands/test_commands.py::test_a_backend_that_does_not_say_leaves_all_as_it_is_and_the_sentence_names_a_way",
    ),
    "the project's folder is read-only, or its disk full or without locks": (
        "runner/doit/test_state.py::test_where_no_file_can_be_written_doit_remembers_for_one_command",
        "runner/doit/test_state.py::test_a_full_disk_ends_no_command",
        "scenarios/test_only_reading.py::test_a_finished_project_that_may_only_be_read_says_what_is_so",
    ),
    "Kaggle refused the first push of a kernel, by this or another tool": (
        "runner/backends/kaggle/test_doubtful_rules.py::test_an_empty_notebook_is_told_with_what_helps_and_another_name_goes_on",
    ),
    "two equal updates differ on a GPU, or an operation has no deterministic form there": (
        "trainer/determinism/test_repetition.py::test_updates_that_differ_are_noticed",
        "trainer/determinism/test_flags.py::test_the_session_is_told_of_it",
        "trainer/determinism/test_flags.py::test_where_nothing_else_is_wanted_it_ends_the_session_in_a_sentence",
    ),
    "the next session gets another GPU, driver or CUDA, or a CPU": (
        "trainer/determinism/test_repetition.py::test_another_gpu_between_two_sessions_is_recorded_like_a_library",
    ),
    "the memory of the GPU is full in the training": (
        "trainer/determinism/test_repetition.py::test_a_gpu_that_is_full_leaves_the_checkpoint_before",
    ),
    "the GPU quota of the week ends before a session would": (
        "runner/backends/kaggle/gpu/test_spending.py::test_a_session_that_would_outlast_the_quota_ends_with_a_checkpoint_before_it",
        "runner/backends/kaggle/gpu/test_spending.py::test_what_is_left_cuts_a_session_and_changes_no_key",
    ),
    "a session on Kaggle was given no GPU": (
        "runner/backends/kaggle/test_doubtful_rules.py::test_a_session_that_asks_for_a_gpu_is_told_so_and_one_that_does_not_is_not",
    ),
    "a session hangs in Kaggle's queue": (
        "runner/backends/kaggle/test_doubtful_rules.py::test_a_session_that_hangs_in_the_queue_says_what_helps_and_is_followed_where_the_user_starts_it",
    ),
    "a session failed or was cancelled, and Kaggle lists nothing of it": (
        "runner/stages/test_download.py::test_what_comes_of_a_lost_session_after_all_is_yet_to_be_judged",
    ),
    "a session on Kaggle does not end at its limit": (
        "runner/backends/kaggle/test_watch.py::test_a_session_that_kaggle_does_not_end_at_its_limit_is_told",
    ),
    "a video of a job that has no agent yet": (
        "runner/acting/test_best_agent.py::test_what_cannot_be_shown_is_one_sentence",
    ),
    "a video of an environment that draws nothing": (
        "runner/acting/test_best_agent.py::test_what_cannot_be_shown_is_one_sentence",
    ),
    "neither pillow nor ffmpeg is there for a video": (
        "runner/pictures/test_encoding.py::test_without_pillow_and_ffmpeg_the_sentence_says_what_to_install",
    ),
    "the best model is damaged as it is to be shown": (
        "runner/acting/test_best_agent.py::test_a_damaged_best_model_is_passed_over_and_named",
    ),
    "a policy that ONNX cannot express, or where it would do something else": (
        "runner/export/test_onnx.py::test_what_onnx_cannot_express_is_one_sentence",
        "runner/export/test_onnx.py::test_what_acts_otherwise_than_torch_is_not_kept",
    ),
    "the libraries of the extra `export` are not there": (
        "runner/export/test_onnx.py::test_without_the_extra_the_sentence_says_what_to_install",
    ),
    "more jobs than slots": ("runner/doit/test_many.py::test_without_waiting_as_many_begin_as_have_a_slot",),
    "the place is busy, or the week's quota too small for another session, with many jobs": (
        "runner/doit/test_many.py::test_a_busy_place_is_waited_for_and_said_once",
        "scenarios/test_gpu_slots.py::test_jobs_wait_for_quota_and_none_begins_a_session_that_could_exceed_it",
    ),
    "`gpu_hours` leave too little for another session": (
        "runner/doit/test_many.py::test_no_session_begins_that_gpu_hours_leave_no_time_for",
    ),
    "`sessions` or `gpu_hours` is no number, or stands where it holds for nothing": (
        "runner/doit/test_run.py::test_caps_that_cannot_be_kept_to_are_refused",
    ),
    "`resume wait=no` meets a job that another command is at": (
        "runner/doit/test_run.py::test_without_waiting_a_job_that_another_process_holds_is_left_to_it",
    ),
    "`resume wait=no` where a further session would gain nothing": (
        "runner/doit/test_run.py::test_many_commands_give_up_where_one_would_have",
    ),
    "the machine with `runs/` is lost, or the folder": (
        "scenarios/test_recovery.py::test_a_machine_that_is_lost_in_each_stage_of_each_session_costs_nothing",
        "scenarios/test_unattended.py::test_commands_that_are_killed_and_a_machine_that_is_lost_are_one_run",
    ),
    "`doit recover` where other sessions are already": (
        "runner/commands/mending/test_recover.py::test_another_lineage_than_the_one_that_is_held_is_not_mixed_with_it",
    ),
    "a script on Kaggle was changed on the site, or an earlier version pushed it": (
        "runner/commands/mending/test_recover.py::test_a_version_that_does_not_tell_what_was_packaged_is_left_out",
        "runner/test_record.py::test_what_the_key_does_not_bear_out_is_not_believed",
    ),
    "Slurm's controller does not answer": (
        "executors/slurm/test_executor.py::test_a_controller_that_does_not_answer_says_nothing_of_the_session",
        "executors/slurm/test_words.py::test_a_controller_that_gave_no_answer_is_told_from_a_refusal",
    ),
    "the answer of `sbatch` is lost, or the command is killed before it notes it": (
        "executors/slurm/test_executor.py::test_a_submission_that_nobody_noted_is_found_by_its_name",
        "executors/slurm/test_executor.py::test_while_an_earlier_submission_hangs_nobody_submits_again",
    ),
    "Slurm refuses a job": (
        "executors/slurm/test_executor.py::test_what_slurm_refuses_is_one_sentence_and_nothing_is_submitted",
    ),
    "a job waits in Slurm's queue": (
        "executors/slurm/test_words.py::test_what_a_job_waits_for_is_said_in_words",
        "executors/slurm/test_executor.py::test_a_job_that_waits_says_for_what_and_one_that_is_cancelled_then_never_begins",
    ),
    "Slurm ends a session that has not ended by itself, or its node fails": (
        "executors/slurm/test_words.py::test_each_end_is_a_sentence",
        "executors/slurm/test_standing.py::test_an_end_is_believed_once_a_record_of_it_would_have_been_seen",
    ),
    "the nodes of a cluster do not see the project, or have no such Python": (
        "executors/slurm/test_executor.py::test_a_node_without_the_interpreter_says_which_key_to_set",
    ),
    "the machine has no Ray": (
        "executors/ray/test_cluster.py::test_a_machine_without_ray_is_one_sentence",
        "runner/backends/ray/test_health.py::test_a_machine_without_ray_is_told_so",
    ),
    "a Ray cluster does not answer": (
        "executors/ray/test_cluster.py::test_a_cluster_that_does_not_answer_says_nothing_of_a_session",
        "executors/ray/test_without_a_cluster.py::test_a_cluster_that_does_not_answer_ends_nothing_but_what_was_cancelled",
    ),
    "no Ray cluster is named, and none runs on this machine": (
        "executors/ray/test_without_a_cluster.py::test_where_no_cluster_is_to_be_found_nothing_is_submitted",
    ),
    "what answers is no Ray cluster, or of a version that is not understood": (
        "executors/ray/test_cluster.py::test_what_answers_otherwise_is_one_sentence",
        "executors/ray/test_cluster.py::test_an_answer_about_a_job_that_says_nothing_ends_nothing",
    ),
    "the answer to a submission is lost, or the command is killed before it notes it": (
        "executors/ray/test_executor.py::test_a_script_runs_as_a_job_and_what_it_left_is_fetched",
        "executors/ray/test_executor.py::test_a_submission_of_a_known_name_is_left_as_it_is",
    ),
    "`ray:` in jobs.yaml asks for what cannot be": (
        "runner/backends/ray/test_section.py::test_what_cannot_be_asked_for_is_named",
        "runner/backends/ray/test_section.py::test_a_gpu_has_to_be_asked_for",
        "runner/backends/test_shared_folder.py::test_a_folder_may_name_a_variable_that_is_set",
    ),
    "no node of a Ray cluster has room for a job": (
        "executors/ray/test_words.py::test_what_a_job_needs_is_said_in_words",
        "executors/ray/test_executor.py::test_a_job_waits_for_room_for_longer_than_ray_does_and_begins_once",
        "runner/backends/ray/test_health.py::test_what_no_node_has_is_named",
    ),
    "a node of a Ray cluster dies, or its head is started anew": (
        "executors/ray/test_standing.py::test_a_job_that_is_said_to_run_on_a_node_that_is_dead_has_failed",
        "executors/ray/test_standing.py::test_a_job_that_ray_does_not_know_is_lost_only_after_its_node_has_ended_too",
        "scenarios/test_ray_relay.py::test_a_head_that_is_started_anew_costs_what_was_not_saved",
        "scenarios/test_ray_relay.py::test_twenty_four_jobs_come_through_kills_of_commands_a_node_and_the_head",
    ),
    "somebody stops a session by `ray job stop`": (
        "executors/ray/test_executor.py::test_a_stop_of_rays_leaves_a_script_the_time_to_end_by_itself",
        "executors/ray/test_standing.py::test_who_asked_for_an_end_is_told",
    ),
    "the nodes of a Ray cluster do not see the project, or have no such Python": (
        "executors/ray/test_words.py::test_a_job_that_ended_before_its_session_began_names_the_keys_that_may_be_wrong",
        "executors/ray/test_executor.py::test_a_node_without_the_interpreter_says_which_key_to_set",
    ),
    "the address of `notify` gives no answer": (
        "runner/test_notifying.py::test_what_cannot_be_told_is_one_line_without_the_address_and_is_tried_again",
    ),
    "`notify` is no address": ("runner/test_notifying.py::test_what_is_no_address_is_refused_and_not_shown",),
    "something on disk is damaged, gone, or left by a kill": (
        "runner/verifying/test_breakages.py::test_what_breaks_is_named_and_what_is_said_repairs_it",
    ),
    "`doit repair` finds no checkpoint that is sound": (
        "runner/verifying/test_repairing.py::test_where_nothing_sound_is_left_nothing_is_done",
    ),
    "a key or a value in jobs.yaml is wrong": (
        "runner/jobs/test_file.py::test_what_is_wrong_with_an_entry_is_told_with_line_key_and_remedy",
        "runner/jobs/test_file.py::test_of_several_problems_the_first_in_the_file_is_told_and_the_others_counted",
    ),
    "a command names a job that there is not, or the entry of a `matrix`": (
        "runner/doit/test_selection.py::test_a_job_that_there_is_not_is_refused_with_the_nearest_name",
        "runner/doit/test_selection.py::test_the_entry_of_a_matrix_and_a_pattern_without_a_job_are_told_what_to_write",
    ),
    "`fresh` or `redo` names no job, where there are several": (
        "runner/doit/test_selection.py::test_several_jobs_are_not_archived_unless_they_are_named",
        "runner/doit/test_selection.py::test_several_jobs_are_not_done_again_unless_they_are_named",
    ),
    "a command that changes a job meets one that another command is at": (
        "runner/doit/test_run.py::test_a_held_job_is_left_alone",
        "runner/doit/test_run.py::test_commands_that_change_no_session_run_beside_the_one_that_does",
    ),
    "`doit doctor` finds something wrong": (
        "runner/commands/test_doctor.py::test_what_is_wrong_is_said_and_ends_the_command",
    ),
    "torch has no kernels for the GPU, as for Kaggle's P100, or there is no GPU": (
        "trainer/algorithms/test_gpu.py::test_the_p100_trap_is_explained",
        "trainer/algorithms/test_gpu.py::test_auto_says_that_it_falls_back_where_the_gpu_fails",
        "trainer/algorithms/test_gpu.py::test_without_a_driver_cuda_is_an_error_and_auto_the_cpu",
    ),
    "an agent is to be shown or handed on, and no file of it is sound": (
        "runner/acting/test_best_agent.py::test_where_no_file_of_an_agent_is_sound_each_is_named",
    ),
    "an agent is to be shown or handed on, and its environment is another one now": (
        "runner/acting/test_best_agent.py::test_a_model_that_no_longer_fits_its_environment_says_so",
    ),
    "an environment's pictures change their size": (
        "runner/acting/test_best_agent.py::test_pictures_of_two_sizes_are_refused",
    ),
    "ffmpeg is there and makes no MP4": (
        "runner/acting/test_best_agent.py::test_what_an_encoder_says_is_the_sentence_and_a_gif_is_made_then",
    ),
    "`doit curve` or `doit report` before the first session": (
        "runner/commands/showing/test_curve.py::test_before_the_first_session_there_is_nothing",
        "runner/commands/showing/test_report.py::test_each_job_has_a_page_and_figures_and_all_of_them_one",
    ),
    "`doit curve` cannot write": (
        "runner/commands/showing/test_curve.py::test_a_table_that_cannot_be_written_is_one_sentence",
        "runner/curve/test_showing.py::test_a_curve_is_kept_up_to_date_once_it_was_asked_for",
    ),
    "a backend gives no log to `doit logs`": (
        "runner/steering/test_logs.py::test_a_log_that_the_backend_does_not_give_now_is_shown_as_far_as_it_is_here",
    ),
    "a document of a session is damaged, and `doit history` or `doit gc` comes to it": (
        "runner/steering/test_history.py::test_what_was_refused_put_away_or_cannot_be_read_is_told_too",
        "runner/retention/test_choice.py::test_a_job_that_somebody_works_on_or_that_cannot_be_read_is_left_alone",
    ),
    "a variable is set to what it does not take": (
        "runner/verifying/test_verifying.py::test_kinds_are_chosen_by_name",
        "runner/verifying/test_verifying.py::test_what_is_no_choice_is_one_sentence",
    ),
    "the machine has no Slurm": (
        "executors/slurm/test_executor.py::test_a_machine_without_slurm_is_one_sentence",
        "runner/backends/slurm/test_health.py::test_a_machine_without_slurm_is_told_so",
    ),
    "`slurm:` in jobs.yaml asks for what cannot be": (
        "runner/backends/slurm/test_section.py::test_what_cannot_be_asked_for_is_named",
        "runner/backends/slurm/test_section.py::test_a_gpu_has_to_be_asked_for",
        "runner/backends/test_shared_folder.py::test_a_folder_may_name_a_variable_that_is_set",
    ),
    "a limit on submissions of the cluster is reached": (
        "executors/slurm/test_words.py::test_a_limit_on_submissions_is_no_refusal_for_good",
    ),
    "a training that `doit verify` kills and goes on from ends otherwise than one that was not killed": (
        "runner/verifying/test_verifying.py::test_a_proof_that_ends_otherwise_names_the_tensors_and_what_to_type",
    ),
    "a model is whole, and does not load": (
        "runner/verifying/test_verifying.py::test_models_load_in_a_process_of_their_own_which_also_tries_each_device",
    ),
    "`doit repair` meets a session of which nothing tells what it was": (
        "runner/verifying/test_repairing.py::test_a_session_of_which_nothing_tells_what_it_was_is_put_aside_whole",
    ),
}
"""The tests that show what a row says, by the row's first column; `FILE::TEST`, the file counted from here."""


def rows() -> list[list[str]]:
    """The cells of each row of the page's table, without its head."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return cells[2:]


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def test_every_row_has_what_happens_what_is_read_and_what_is_kept() -> None:
    assert {len(row) for row in rows()} == {3}
    assert all(row[0] and row[1] for row in rows())


def test_every_row_is_shown_by_a_test_and_no_test_by_a_row_that_is_gone() -> None:
    told = [row[0] for row in rows()]
    assert len(told) == len(set(told))
    assert set(told) == set(SHOWN_BY), "give each new row of docs/troubleshooting.md its tests in SHOWN_BY"


@pytest.mark.parametrize("shown", sorted({each for tests in SHOWN_BY.values() for each in tests}))
def test_the_tests_that_show_the_rows_are_there(shown: str) -> None:
    file, _, name = shown.partition("::")
    assert name.startswith("test_")
    assert name in names_in(file)
