"""What people look at: a page for each job and one for all, and a figure for a paper.

`values`: what a page tells. `reading` makes them of what is on disk; `grouping` those of jobs that are compared;
`baselines` measures what they are compared with. `series` reduces what was measured to what can be drawn; `aggregate`
makes one curve of several seeds. `lineage_picture`: where each session stands in the picture of all of them. `figures`
draws for the page, `paper` for a paper, in the colours of `colours`. `study`: what the page of a search tells. `page`
puts it all into HTML, `browser_script` with what draws it there.
"""
